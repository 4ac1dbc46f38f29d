import type { EndpointSlice, Service } from '@trellis/api/core/service'
import { describe } from '@trellis/foundation/failure'
import { familyOf, parseIpAddress } from 'node-wireguard/address'
import { type PublicKey, parsePublicKey } from 'node-wireguard/key'
import type { Destinations, Target } from './destinations.ts'

/** Services and their slices with this label (value `true`) are destinations. */
export const doorLabel = 'trellis.internal/front-door'
/**
 * Public keys of the tunnel's end behind the Service, with commas between them. Each end has a Service of its own. A key belongs to the port named `tunnel`, or to the one whose name stands before it, as in
 * `tunnel-b:<key>`: links of one end listen on ports of their own.
 */
export const publicKeysAnnotation = 'trellis.internal/tunnel-public-keys'
/** Names that TLS clients ask for, with commas between them, of the servers behind the Service's port `tls`. */
export const serverNamesAnnotation = 'trellis.internal/server-names'

const serviceNameLabel = 'kubernetes.io/service-name'

/** One Service's part, or why it has none. */
export type ServiceDestinations =
  | { readonly ok: true; readonly destinations: Destinations }
  | { readonly ok: false; readonly reason: string }

/** Destinations as Services tell them, the oldest Service first, so that a newer one takes nothing from it. What one of them says wrong is its own harm only. */
export function destinationsOfServices(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): readonly ServiceDestinations[] {
  const slicesOf = Map.groupBy(
    slices,
    ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ''}`,
  )
  return [...services].sort(byAge).map((service): ServiceDestinations => {
    const name = nameOf(service)
    try {
      return { ok: true, destinations: destinationsOf(service, slicesOf.get(name) ?? []) }
    } catch (error) {
      return { ok: false, reason: `Service ${name}: ${describe(error)}` }
    }
  })
}

function destinationsOf(service: Service, slices: readonly EndpointSlice[]): Destinations {
  const name = nameOf(service)
  const serverNames = listOf(service, serverNamesAnnotation).map((one) => one.toLowerCase())
  const keysOfPorts = Map.groupBy(listOf(service, publicKeysAnnotation).map(keyOfPort), ({ port }) => port)
  const tunnels = [...keysOfPorts].flatMap(([port, keys]) => {
    const [target] = targetsOf(slices, port)
    return target === undefined
      ? []
      : [{ name: port === defaultPort ? name : `${name}/${port}`, publicKeys: keys.map(({ key }) => key), target }]
  })
  const targets = serverNames.length === 0 ? [] : targetsOf(slices, 'tls')
  return {
    tunnels,
    servers: targets.length === 0 ? [] : [{ serverNames, targets }],
  }
}

const defaultPort = 'tunnel'

function keyOfPort(entry: string): { readonly port: string; readonly key: PublicKey } {
  const end = entry.indexOf(':')
  const port = end < 0 ? defaultPort : entry.slice(0, end).trim()
  return { port, key: parsePublicKey(entry.slice(end + 1), publicKeysAnnotation) }
}

/**
 * Addresses behind a port, the best first: those that are ready, then those that serve still, then any: a tunnel's end works while the API server beside it is not ready, and a server that is not ready may answer
 * all the same where no other one is.
 */
function targetsOf(slices: readonly EndpointSlice[], portName: string): readonly Target[] {
  const found = slices.flatMap(({ addressType, endpoints, ports }) => {
    // A Service without pods has a slice whose lists are null.
    const port = ports?.find(({ name }) => name === portName)?.port
    if (port === undefined || addressType === 'FQDN') return []
    return (endpoints ?? []).flatMap(({ addresses, conditions }) =>
      addresses.map((address) => ({
        rank: rankOf(conditions ?? {}),
        target: { address: parseIpAddress(address), port },
      })),
    )
  })
  const best = Math.min(...found.map(({ rank }) => rank))
  return found
    .filter(({ rank }) => rank === best)
    .map(({ target }) => target)
    .sort((a, b) => familyOf(a.address) - familyOf(b.address) || a.address.localeCompare(b.address))
}

function rankOf({
  ready = true,
  serving = false,
}: NonNullable<EndpointSlice['endpoints'][number]['conditions']>): number {
  if (ready) return 0
  return serving ? 1 : 2
}

function byAge(a: Service, b: Service): number {
  const age = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '')
  return age === 0 ? nameOf(a).localeCompare(nameOf(b)) : age
}

function nameOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`
}

function listOf({ metadata }: Service, annotation: string): readonly string[] {
  return (metadata.annotations?.[annotation] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
