import { eventually } from 'node-wireguard/testing/eventually'
import { places } from 'node-wireguard/testing/landscape'
import { never } from 'node-wireguard/testing/never'
import { relayProgram } from 'node-wireguard/testing/programs'
import { createRelayCertificates, relayServerName } from 'node-wireguard/testing/relay-ends'
import { expect, it } from 'vitest'
import { openPair, withLink } from '../testing/pair.ts'
import { openStream } from '../testing/stream.ts'

const wireGuardRelay = { program: relayProgram() }
const blocked = 'add rule ip front forward udp dport 51820 drop'

it('goes inside TLS by port 443 while UDP is blocked, also from the start, and back without a loss', async () => {
  await using pair = await openPair(async ({ laboratory }) => {
    const certificates = await createRelayCertificates(laboratory)
    const identity = { ...(await certificates.issue('server', 'server')), caFile: certificates.caFile }
    const client = await certificates.issue('client', 'client')
    return {
      seed: (file) => ({ ...file, wireGuardRelay, relay: { listen: ':8443', ...identity } }),
      shoot: (file) => ({
        ...withLink(file, (link) => ({
          ...link,
          peer: {
            ...link.peer,
            fallback: {
              endpoint: `${places.doorAddress}:443`,
              serverName: relayServerName,
              caFile: certificates.caFile,
              ...client,
            },
          },
        })),
        wireGuardRelay,
      }),
    }
  })
  const { door } = pair.landscape
  await rule(`add rule ip front prerouting ip daddr ${places.doorAddress} tcp dport 443 dnat to 10.1.0.2:8443`)
  await block()
  await pair.seed.start()
  await pair.shoot.start()
  await transports('tls')
  await pair.connected()
  const stream = openStream(pair.seed.namespace)
  await stream.sinceLast()

  await allow()
  await transports('udp')
  const back = await stream.sinceLast()
  await block()
  await transports('tls')
  const away = await stream.sinceLast()
  expect(await pair.connect(places.podAddress, places.echoPort, 20_000_000)).toMatchObject({ bytes: 20_000_000 })
  await allow()
  await transports('udp')
  const backAgain = await stream.sinceLast()
  process.stdout.write(`${JSON.stringify({ fallback: { back, away, backAgain } })}\n`)
  expect(back.lost).toBe(0)
  expect(backAgain.lost).toBe(0)
  expect(away.longestGapMilliseconds).toBeLessThan(never)
  const { body } = await pair.shoot.get('/metrics')
  expect(body).toMatch(/^trellis_vpn_link_transport\{link="\w+",peer="\w+",transport="udp"\} 1$/m)

  async function rule(text: string): Promise<void> {
    await door.feed(`${text}\n`, 'nft', '-f', '-')
  }
  async function block(): Promise<void> {
    await rule(blocked.replace('add rule', 'insert rule'))
  }
  async function allow(): Promise<void> {
    const listed = JSON.parse(await door.run('nft', '--json', '--handle', 'list', 'chain', 'ip', 'front', 'forward'))
    const rules: { rule?: { handle: number } }[] = listed.nftables
    const first = rules.find((entry) => entry.rule !== undefined)?.rule?.handle
    await rule(`delete rule ip front forward handle ${first}`)
  }
  async function transports(wanted: 'udp' | 'tls'): Promise<void> {
    for (const end of [pair.seed, pair.shoot]) {
      const arrived = async () => {
        const link = await end.link()
        return link.transport === wanted && link.up ? true : undefined
      }
      await eventually(`${wanted} at the ${end.label}`, arrived, 60_000).catch((error: unknown) => {
        for (const { label, said } of [pair.seed, pair.shoot]) process.stdout.write(`${label} said:\n${said()}\n`)
        throw error
      })
    }
  }
})
