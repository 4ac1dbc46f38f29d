import { createHash } from 'node:crypto'

/**
 * A UUID (in the form of version 5, which every reader of UUIDs knows) that is the same for the same parts: the cloud takes a request that bears one it has seen for a repeat, whichever process sends it.
 */
export function requestIdOf(...parts: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest()
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80
  const hex = digest.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}
