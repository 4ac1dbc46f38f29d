import { isIP } from 'node:net'
import { Failure } from '@trellis/foundation/failure'
import { type IpAddress, parseIpAddress } from './address.ts'

/** Where a peer listens: a host name or an address, and a UDP port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** An endpoint that a device can take: names have been resolved. */
export interface ResolvedEndpoint {
  readonly host: IpAddress
  readonly port: number
}

/** Turns a host name into its addresses; throws when there are none. */
export type Resolve = (name: string) => Promise<readonly string[]>

const hostNamePattern =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i
const remedy = 'write it as in vpn.example.org:51820, 192.0.2.1:51820 or [2001:db8::1]:51820'

/** Reads `host:port` or `[v6]:port`. Throws `Invalid` that names `field`. */
export function parseEndpoint(text: string, field = 'endpoint'): Endpoint {
  const match = /^(?:\[([^\]%]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const [, bracketed, plain, digits] = match ?? []
  const port = Number(digits)
  if (match === null || port < 1 || port > 65535) throw refuse(text, field)
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) throw refuse(text, field)
    return { host: parseIpAddress(bracketed, field), port }
  }
  const host = plain ?? ''
  const looksNumeric = /^[\d.]+$/.test(host)
  if (isIP(host) !== 4 && (looksNumeric || !hostNamePattern.test(host))) throw refuse(text, field)
  return { host, port }
}

/** Reads an endpoint that a device reports, whose host is always an address. An IPv6 zone is dropped. */
export function parseResolvedEndpoint(text: string, field = 'endpoint'): ResolvedEndpoint {
  const { host, port } = parseEndpoint(text.replace(/%[^\]]*\]/, ']'), field)
  return { host: parseIpAddress(host, field), port }
}

/** The text form, with brackets around IPv6. */
export function formatEndpoint(endpoint: Endpoint): string {
  return isIP(endpoint.host) === 6 ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`
}

/** Every address behind an endpoint, in the resolver's order; the endpoint itself when its host is an address. Throws `Unavailable` when the name does not resolve now. */
export async function resolveEndpoint(endpoint: Endpoint, resolve: Resolve): Promise<readonly ResolvedEndpoint[]> {
  const { host, port } = endpoint
  if (isIP(host) !== 0) return [{ host: parseIpAddress(host), port }]
  try {
    const addresses = await resolve(host)
    if (addresses.length > 0) return addresses.map((address) => ({ host: parseIpAddress(address), port }))
  } catch (error) {
    throw new Failure('Unavailable', `the name ${host} does not resolve`, { field: 'endpoint', cause: error })
  }
  throw new Failure('Unavailable', `the name ${host} has no address`, { field: 'endpoint' })
}

function refuse(text: string, field: string): Failure {
  return new Failure('Invalid', `${JSON.stringify(text.slice(0, 80))} is not an endpoint`, { field, remedy })
}
