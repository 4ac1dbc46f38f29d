import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { type Cidr, type IpAddress, parseCidr, parseIpAddress } from '../address.ts'

/** What this network namespace looks like now, as far as a plan needs it. */
export interface HostSnapshot {
  readonly up: boolean
  readonly maximumTransmissionUnit: number
  /** Addresses of the interface, those that the kernel gives itself (link-local) left out. */
  readonly addresses: readonly { readonly address: IpAddress; readonly prefixLength: number }[]
  /** Routes through the interface, those that the kernel makes for addresses left out. */
  readonly routes: readonly { readonly destination: Cidr; readonly source?: IpAddress | undefined }[]
  /** Networks that other interfaces reach, default routes left out. */
  readonly foreignRoutes: readonly { readonly destination: Cidr; readonly interfaceName: string }[]
  /** Other interfaces, loopback left out. */
  readonly otherInterfaces: readonly string[]
  /** Names of the chains in our table; undefined when there is no table. */
  readonly chains: readonly string[] | undefined
  /** Interfaces and switches for which forwarding is off: `4:eth0`, `6:all`. */
  readonly forwardingOff: readonly string[]
}

/** A link as `ip -json` prints it. */
interface LinkJson {
  readonly ifname: string
  readonly flags?: readonly string[]
  readonly mtu?: number
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number; readonly scope?: string }[]
}

/** A route as `ip -json` prints it. */
interface RouteJson {
  readonly dst?: string
  readonly dev?: string
  readonly protocol?: string
  readonly prefsrc?: string
  readonly type?: string
}

/** Reads the value of a file below /proc/sys; undefined when there is none. */
export type ReadSetting = (path: string) => Promise<string | undefined>

/** Looks at the network namespace of this process. Throws `NotFound` when the interface is missing. */
export async function takeSnapshot(
  runner: CommandRunner,
  readSetting: ReadSetting,
  interfaceName: string,
  tableName: string,
): Promise<HostSnapshot> {
  const links = await json<LinkJson>(runner, ['address', 'show'])
  const own = links.find((link) => link.ifname === interfaceName)
  if (own === undefined) throw new Failure('NotFound', `there is no interface ${interfaceName}`)
  const routes = [
    ...(await json<RouteJson>(runner, ['-4', 'route', 'show', 'table', 'main'])),
    ...(await json<RouteJson>(runner, ['-6', 'route', 'show', 'table', 'main'])),
  ].flatMap(routeOf)
  const otherInterfaces = links
    .filter((link) => link !== own && !(link.flags ?? []).includes('LOOPBACK'))
    .map((link) => link.ifname)
  return {
    up: (own.flags ?? []).includes('UP'),
    maximumTransmissionUnit: own.mtu ?? 0,
    addresses: addressesOf(own),
    routes: routes.filter((route) => route.interfaceName === interfaceName && !route.ofKernel),
    foreignRoutes: routes.filter((route) => route.interfaceName !== interfaceName),
    otherInterfaces,
    chains: await chainsOf(runner, tableName),
    forwardingOff: await forwardingOff(readSetting, [interfaceName, ...otherInterfaces]),
  }
}

async function json<Row>(runner: CommandRunner, args: readonly string[]): Promise<readonly Row[]> {
  const result = await runner.run('ip', ['-json', ...args])
  // A family that is switched off has no table to show.
  if (result.code !== 0 || result.stdout.trim() === '') return []
  return JSON.parse(result.stdout) as readonly Row[]
}

function addressesOf(link: LinkJson): HostSnapshot['addresses'] {
  return (link.addr_info ?? []).flatMap(({ local, prefixlen, scope }) =>
    local === undefined || scope === 'link' ? [] : [{ address: parseIpAddress(local), prefixLength: prefixlen ?? 0 }],
  )
}

function routeOf(route: RouteJson) {
  const { dst, dev, protocol, prefsrc, type } = route
  const special = type !== undefined && type !== 'unicast'
  if (dst === undefined || dev === undefined || dst === 'default' || special || dst.startsWith('fe80:')) return []
  return [
    {
      destination: parseCidr(dst),
      interfaceName: dev,
      source: prefsrc === undefined ? undefined : parseIpAddress(prefsrc),
      ofKernel: protocol === 'kernel',
    },
  ]
}

async function chainsOf(runner: CommandRunner, tableName: string): Promise<readonly string[] | undefined> {
  const listing = await runner.run('nft', ['--json', 'list', 'table', 'inet', tableName])
  if (listing.code !== 0) return undefined
  const { nftables = [] } = JSON.parse(listing.stdout) as {
    readonly nftables?: readonly { readonly chain?: { readonly name: string } }[]
  }
  return nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain.name]))
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
