import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Path of wireguard-go for tests: `TRELLIS_WIREGUARD_GO`, else the first on PATH. Throws `NotFound` with the remedy. */
export function wireGuardGoProgram(): string {
  return findProgram('wireguard-go', 'TRELLIS_WIREGUARD_GO', 'get it with `node distribution/src/main.ts wireguard-go`')
}

/** Path of wireguard-relay for tests: `TRELLIS_WIREGUARD_RELAY`, else the first on PATH. Throws `NotFound` with the remedy. */
export function relayProgram(): string {
  return findProgram(
    'wireguard-relay',
    'TRELLIS_WIREGUARD_RELAY',
    'build it with `go build` in node-wireguard/relay-program',
  )
}

/** Path of Go's own tool for tests: `TRELLIS_GO`, else the first on PATH. Throws `NotFound` with the remedy. */
export function goTool(): string {
  return findProgram('go', 'TRELLIS_GO', 'install Go 1.26 or newer')
}

function findProgram(name: string, variable: string, howToGetIt: string): string {
  const told = process.env[variable]
  if (told !== undefined && told !== '') return told
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
  if (found !== undefined) return found
  throw new Failure('NotFound', `there is no ${name}`, {
    remedy: `${howToGetIt} and name it in ${variable} or put it on PATH`,
  })
}
