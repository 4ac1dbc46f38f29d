import { parseIpAddress } from '../address.ts'
import type { ResolvedEndpoint } from '../endpoint.ts'

/** A port of this machine that nobody else reaches. */
export function loopback(port: number): ResolvedEndpoint {
  return { host: parseIpAddress('127.0.0.1'), port }
}
