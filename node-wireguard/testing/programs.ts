import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Path of wireguard-go for tests: `TRELLIS_WIREGUARD_GO`, else the first on PATH. Throws `NotFound` with the remedy. */
export function wireGuardGoProgram(): string {
  const told = process.env.TRELLIS_WIREGUARD_GO
  if (told !== undefined && told !== '') return told
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'wireguard-go'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
  if (found !== undefined) return found
  throw new Failure('NotFound', 'there is no wireguard-go', {
    remedy: 'build it from its Go module and name it in TRELLIS_WIREGUARD_GO or put it on PATH',
  })
}
