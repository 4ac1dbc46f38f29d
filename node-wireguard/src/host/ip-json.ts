import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** Rows of what `ip -json` prints. Empty when `ip` refuses: a family that is switched off has no table to show. Throws `Unavailable` when the output is no list of objects. */
export async function readIpJson(
  runner: CommandRunner,
  args: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const result = await runner.run('ip', ['-json', ...args])
  if (result.code !== 0 || result.stdout.trim() === '') return []
  return rowsOf(parseJson(result.stdout, `ip ${args.join(' ')}`), `ip ${args.join(' ')}`)
}

/** Reads JSON that a program printed. Throws `Unavailable` that names the program when it is none. */
export function parseJson(text: string, program: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw unreadable(program, error)
  }
}

/** The value as a list of objects. Throws `Unavailable` that names the program when it is none. */
export function rowsOf(value: unknown, program: string): readonly Readonly<Record<string, unknown>>[] {
  if (Array.isArray(value) && value.every((row) => typeof row === 'object' && row !== null)) return value
  throw unreadable(program, undefined)
}

/** The value when it is text. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value when it is a number. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function unreadable(program: string, cause: unknown): Failure {
  return new Failure('Unavailable', `what ${program} prints cannot be read`, {
    cause,
    remedy: 'see whether iproute2 and nftables are of this decade and built with JSON',
  })
}
