import { eventually } from 'node-wireguard/testing/eventually'
import { type Landscape, places } from 'node-wireguard/testing/landscape'
import type { Laboratory } from 'node-wireguard/testing/namespaces'
import { relayProgram } from 'node-wireguard/testing/programs'
import { createRelayCertificates, relayServerName } from 'node-wireguard/testing/relay-ends'
import type { End } from './end.ts'
import { type PairOptions, withLink } from './pair.ts'

/** More fields of configuration files, with which a link goes inside TLS while UDP is blocked. */
export interface FallbackFields {
  readonly seed: object
  readonly shoot: object
  /** `fallback` of a peer at the shoot's end. */
  readonly fallback: object
}

/** Port of the seed's pod at which links come in inside TLS. */
export const relayPort = 8443

/** Makes certificates, and the fields that name them. `doorHost` is the host at whose port 443 the shoot dials, as in an endpoint. */
export async function fallbackFields(
  laboratory: Laboratory,
  doorHost: string = places.doorAddress,
): Promise<FallbackFields> {
  const wireGuardRelay = { program: relayProgram() }
  const certificates = await createRelayCertificates(laboratory)
  const { caFile } = certificates
  const [server, client] = [await certificates.issue('server', 'server'), await certificates.issue('client', 'client')]
  return {
    seed: { wireGuardRelay, relay: { listen: `:${relayPort}`, ...server, caFile } },
    shoot: { wireGuardRelay },
    fallback: { endpoint: `${doorHost}:443`, serverName: relayServerName, caFile, ...client },
  }
}

/** The fields put into the files of a pair. */
export function pairWithFallback({ seed, shoot, fallback }: FallbackFields): Required<PairOptions> {
  return {
    seed: (file) => ({ ...file, ...seed }),
    shoot: (file) => ({
      ...withLink(file, (link) => ({ ...link, peer: { ...link.peer, fallback } })),
      ...shoot,
    }),
  }
}

/** Leads port 443 of the landscape's front door to where links come in inside TLS. */
export async function openTlsDoor({ door }: Landscape): Promise<void> {
  const rule = `add rule ip front prerouting ip daddr ${places.doorAddress} tcp dport 443 dnat to 10.1.0.2:${relayPort}\n`
  await door.feed(rule, 'nft', '-f', '-')
}

/** Drops all datagrams of links that come to the front door, until `allowUdp`. Again: changes nothing. */
export async function blockUdp({ door }: Landscape): Promise<void> {
  const rules = `
    table inet udp_blocked
    delete table inet udp_blocked
    table inet udp_blocked {
      chain before {
        type filter hook prerouting priority raw - 10
        udp dport ${places.doorPort}-${places.doorPort + 99} drop
      }
    }
  `
  await door.feed(rules, 'nft', '-f', '-')
}

/** Lets datagrams pass again. */
export async function allowUdp({ door }: Landscape): Promise<void> {
  await door.run('nft', 'delete', 'table', 'inet', 'udp_blocked')
}

/** Waits until the first link of each end is up by this transport. */
export async function untilTransport(ends: readonly End[], wanted: 'udp' | 'tls'): Promise<void> {
  for (const end of ends) {
    const there = async () => {
      const link = await end.link()
      return link.transport === wanted && link.up ? true : undefined
    }
    await eventually(`${wanted} at the ${end.label}`, there, 60_000).catch((error: unknown) => {
      for (const { label, said } of ends) process.stdout.write(`${label} said:\n${said()}\n`)
      throw error
    })
  }
}
