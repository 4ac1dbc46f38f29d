import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { type IpAddress, parseIpAddress } from '../address.ts'
import type { HostConfiguration } from './configuration.ts'
import { number, parseJson, readIpJson, rowsOf, text } from './ip-json.ts'
import { defaultRuleProtocol, type RoutingSnapshot, takeRoutingSnapshot } from './routing-snapshot.ts'

/** What this network namespace looks like now, as far as a plan needs it. */
export interface HostSnapshot extends RoutingSnapshot {
  /** Links of the tunnel by name. */
  readonly links: ReadonlyMap<string, LinkSnapshot>
  /** Other interfaces, loopback left out. */
  readonly otherInterfaces: readonly string[]
  /** Chains in our table and how many rules each has; undefined when there is no table. */
  readonly chains: ReadonlyMap<string, number> | undefined
  /** Interfaces and switches for which forwarding is off: `4:eth0`, `6:all`. */
  readonly forwardingOff: readonly string[]
}

/** What one link looks like. */
export interface LinkSnapshot {
  readonly up: boolean
  readonly maximumTransmissionUnit: number
  /** Those that the kernel gives itself (link-local) left out. */
  readonly addresses: readonly { readonly address: IpAddress; readonly prefixLength: number }[]
  /** Whether packets are dropped whose answer would leave by another interface. */
  readonly strictReversePath: boolean
}

/** Reads the value of a file below /proc/sys; undefined when there is none. */
export type ReadSetting = (path: string) => Promise<string | undefined>

type Row = Readonly<Record<string, unknown>>

/** Looks at the network namespace of this process. Throws `NotFound` when a link is missing, `Unavailable` when what a program prints cannot be read. */
export async function takeSnapshot(
  runner: CommandRunner,
  readSetting: ReadSetting,
  wanted: HostConfiguration,
): Promise<HostSnapshot> {
  const names = wanted.links.map((link) => link.interfaceName)
  const rows = await readIpJson(runner, ['address', 'show'])
  const others = rows.filter((row) => !names.includes(String(row.ifname)) && !flags(row).includes('LOOPBACK'))
  const otherInterfaces = others.flatMap((row) => text(row.ifname) ?? [])
  const links = new Map<string, LinkSnapshot>()
  for (const name of names) {
    const row = rows.find(({ ifname }) => ifname === name)
    if (row === undefined) throw new Failure('NotFound', `there is no interface ${name}`)
    links.set(name, linkOf(row, await strictReversePath(readSetting, name)))
  }
  return {
    links,
    ...(await takeRoutingSnapshot(runner, names, wanted.ruleProtocol ?? defaultRuleProtocol)),
    otherInterfaces,
    chains: await chainsOf(runner, wanted.firewall.tableName),
    forwardingOff: await forwardingOff(readSetting, [...names, ...otherInterfaces]),
  }
}

function linkOf(row: Row, strict: boolean): LinkSnapshot {
  return {
    up: flags(row).includes('UP'),
    maximumTransmissionUnit: number(row.mtu) ?? 0,
    addresses: rowsOf(row.addr_info ?? [], 'ip address show').flatMap(({ local, prefixlen, scope }) =>
      typeof local !== 'string' || scope === 'link'
        ? []
        : [{ address: parseIpAddress(local), prefixLength: number(prefixlen) ?? 0 }],
    ),
    strictReversePath: strict,
  }
}

function flags(row: Row): readonly unknown[] {
  return Array.isArray(row.flags) ? row.flags : []
}

/** The kernel obeys the greater of two values, and 1 is the strict one of three. */
async function strictReversePath(readSetting: ReadSetting, name: string): Promise<boolean> {
  const values = await Promise.all(['all', name].map((each) => readSetting(`net/ipv4/conf/${each}/rp_filter`)))
  return Math.max(...values.map((value) => Number(value ?? 0))) === 1
}

async function chainsOf(runner: CommandRunner, tableName: string): Promise<HostSnapshot['chains']> {
  const listing = await runner.run('nft', ['--json', 'list', 'table', 'inet', tableName])
  if (listing.code !== 0) return undefined
  const whole = parseJson(listing.stdout, 'nft') as { readonly nftables?: unknown } | null
  const counts = new Map<string, number>()
  for (const { chain, rule } of rowsOf(whole?.nftables ?? [], 'nft')) {
    const name = text((chain as Row | undefined)?.name)
    if (name !== undefined) counts.set(name, counts.get(name) ?? 0)
    const holder = text((rule as Row | undefined)?.chain)
    if (holder !== undefined) counts.set(holder, (counts.get(holder) ?? 0) + 1)
  }
  return counts
}

async function forwardingOff(readSetting: ReadSetting, interfaces: readonly string[]): Promise<string[]> {
  const off = await Promise.all([
    ...interfaces.map(async (name) =>
      (await readSetting(`net/ipv4/conf/${name}/forwarding`)) === '1' ? [] : [`4:${name}`],
    ),
    // The kernel has one switch for all of IPv6.
    readSetting('net/ipv6/conf/all/forwarding').then((value) => (value === '1' ? [] : ['6:all'])),
  ])
  return off.flat()
}
