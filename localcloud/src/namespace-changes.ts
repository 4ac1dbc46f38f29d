import { createParser } from '@trellis/foundation/schema'
import Type from 'typebox'
import type { Bridge, NamespaceConfiguration, Veth } from './host-network.ts'

/** An interface as `ip` reports it. Addresses are written with their prefix length. */
export interface ObservedLink {
  readonly name: string
  readonly up: boolean
  readonly addresses: readonly string[]
}

/** A static route as `ip` reports it. */
export interface ObservedRoute {
  readonly destination: string
  readonly via: string
  readonly device: string
}

/** A namespace as it is. */
export interface ObservedNamespace {
  readonly links: readonly ObservedLink[]
  readonly routes: readonly ObservedRoute[]
}

const linksParser = createParser(
  Type.Array(
    Type.Object({
      ifname: Type.String(),
      flags: Type.Array(Type.String()),
      addr_info: Type.Array(
        Type.Object({
          family: Type.Optional(Type.String()),
          local: Type.Optional(Type.String()),
          prefixlen: Type.Optional(Type.Integer()),
        }),
      ),
    }),
  ),
  'ip address show',
)
const routesParser = createParser(
  Type.Array(
    Type.Object({ dst: Type.String(), gateway: Type.Optional(Type.String()), dev: Type.Optional(Type.String()) }),
  ),
  'ip route show',
)

/** Reads the output of `ip -j address show`; IPv4 addresses only. */
export function parseLinks(json: string): readonly ObservedLink[] {
  return linksParser.parse(parseJson(json)).map((link) => ({
    name: link.ifname,
    up: link.flags.includes('UP'),
    addresses: link.addr_info.flatMap(({ family, local, prefixlen }) =>
      family === 'inet' ? [`${local}/${prefixlen}`] : [],
    ),
  }))
}

/** Reads the output of `ip -4 -j route show`. */
export function parseRoutes(json: string): readonly ObservedRoute[] {
  return routesParser.parse(parseJson(json)).map((route) => ({
    destination: route.dst,
    via: route.gateway ?? '',
    device: route.dev ?? '',
  }))
}

/** `ip` prints nothing or an array with an empty object where there is nothing to tell. */
function parseJson(json: string): unknown {
  const parsed: unknown = json.trim() === '' ? [] : JSON.parse(json)
  return Array.isArray(parsed) ? parsed.filter((item) => Object.keys(item as object).length > 0) : parsed
}

/** Lines for `ip -batch` that turn the namespace as it is into the one that is wanted; what is not ours (loopback, routes of the kernel) stays. */
export function planChanges(wanted: NamespaceConfiguration, observed: ObservedNamespace): readonly string[] {
  const loopbackUp = observed.links.some((link) => link.name === 'lo' && link.up)
  return [
    ...(loopbackUp ? [] : ['link set lo up']),
    ...wanted.links.flatMap((link) => changesOfLink(link, observed.links)),
    ...changesOfRoutes(wanted, observed),
  ]
}

function changesOfLink(wanted: Bridge | Veth, links: readonly ObservedLink[]): readonly string[] {
  const present = links.find((link) => link.name === wanted.name)
  const has = new Set(present?.addresses ?? [])
  const surplus = [...has].filter((address) => !wanted.addresses.includes(address))
  return [
    ...(present === undefined ? [creation(wanted)] : []),
    ...wanted.addresses.filter((address) => !has.has(address)).map((it) => `address add ${it} dev ${wanted.name}`),
    ...surplus.map((address) => `address delete ${address} dev ${wanted.name}`),
    ...(present?.up === true ? [] : [`link set ${wanted.name} up`]),
  ]
}

function creation(link: Bridge | Veth): string {
  const base = `link add ${link.name} address ${link.hardwareAddress} type ${link.kind}`
  return link.kind === 'bridge' ? base : `${base} peer name ${link.peer.name} netns ${link.peer.namespace}`
}

/** Link changes come first, so a route that the kernel dropped with its interface is set again by `replace`. */
function changesOfRoutes(wanted: NamespaceConfiguration, observed: ObservedNamespace): readonly string[] {
  const same = (one: ObservedRoute, other: ObservedRoute) =>
    one.destination === other.destination && one.via === other.via && one.device === other.device
  const surplus = observed.routes.filter((route) => !wanted.routes.some((it) => it.destination === route.destination))
  const missing = wanted.routes.filter((route) => !observed.routes.some((it) => same(it, route)))
  return [
    ...surplus.map((route) => `route delete ${route.destination} proto static`),
    ...missing.map((it) => `route replace ${it.destination} via ${it.via} dev ${it.device} proto static`),
  ]
}
