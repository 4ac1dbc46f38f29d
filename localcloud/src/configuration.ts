import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'
import { Failure } from '@trellis/foundation/failure'
import { parseRange, type Range } from './addresses.ts'
import { namesOf } from './names.ts'
import type { Limits } from './quota.ts'

/** What a cloud is told when it starts. Limits that are absent follow from the host. */
export interface Configuration {
  readonly instance: string
  /** Directory of state that must last. */
  readonly stateDirectory: string
  /** Directory of sockets and process ids. */
  readonly runDirectory: string
  readonly publicRange: Range
  readonly apiPort: number
  readonly metadataPort: number
  readonly limits: Partial<Limits>
}

/** What the program can be asked to do. `serve` is the daemon itself, which calls `credentials`; `openapi` prints the API's description; the others manage the daemon. */
export const commands = ['serve', 'start', 'stop', 'teardown', 'credentials', 'openapi'] as const

/** What the program is asked to do. */
export type Command = (typeof commands)[number]

const options = {
  instance: { type: 'string' },
  state: { type: 'string' },
  run: { type: 'string' },
  'public-range': { type: 'string' },
  'api-port': { type: 'string' },
  'metadata-port': { type: 'string' },
  'quota-servers': { type: 'string' },
  'quota-cores': { type: 'string' },
  'quota-memory-bytes': { type: 'string' },
} as const

/** Reads command and flags, then the environment, then defaults. Throws `Invalid` that names the flag when a value does not fit. */
export function parseConfiguration(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly command: Command; readonly configuration: Configuration } {
  const { values, positionals } = parseFlags(args)
  const instance = values.instance ?? environment.TRELLIS_INSTANCE ?? 'trellis'
  namesOf(instance)
  const publicRange = parseRange(
    values['public-range'] ?? environment.TRELLIS_PUBLIC_RANGE ?? '198.18.0.0/16',
    'publicRange',
  )
  if (publicRange.prefixLength > 24) {
    throw new Failure('Invalid', `the public range ${publicRange.text} is too small`, {
      field: 'publicRange',
      remedy: 'use a prefix of at most /24',
    })
  }
  return {
    command: parseCommand(positionals),
    configuration: {
      instance,
      stateDirectory: directory('state', values.state ?? environment.TRELLIS_STATE ?? '/var/lib/trellis'),
      runDirectory: directory('run', values.run ?? environment.TRELLIS_RUN ?? '/run/trellis'),
      publicRange,
      apiPort: port('api-port', values['api-port'] ?? '8443'),
      metadataPort: port('metadata-port', values['metadata-port'] ?? '8080'),
      limits: {
        ...limit('servers', 'quota-servers', values['quota-servers']),
        ...limit('cores', 'quota-cores', values['quota-cores']),
        ...limit('memoryBytes', 'quota-memory-bytes', values['quota-memory-bytes']),
      },
    },
  }
}

/** The flags that make another process read the same configuration. */
export function flagsOf(configuration: Configuration): readonly string[] {
  const { limits } = configuration
  const flags = {
    instance: configuration.instance,
    state: configuration.stateDirectory,
    run: configuration.runDirectory,
    'public-range': configuration.publicRange.text,
    'api-port': configuration.apiPort,
    'metadata-port': configuration.metadataPort,
    'quota-servers': limits.servers,
    'quota-cores': limits.cores,
    'quota-memory-bytes': limits.memoryBytes,
  }
  return Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name}`)
    throw new Failure('Invalid', error instanceof Error ? error.message : String(error), {
      remedy: `it knows ${commands.join(', ')} and ${known.join(', ')}`,
    })
  }
}

function parseCommand(positionals: readonly string[]): Command {
  const [word = 'serve', ...more] = positionals
  const command = commands.find((known) => known === word)
  if (command !== undefined && more.length === 0) return command
  throw new Failure('Invalid', `"${positionals.join(' ')}" is no command`, {
    remedy: `use one of ${commands.join(', ')}`,
  })
}

function directory(flag: string, path: string): string {
  // Overlay options and socat addresses are built from these paths and cannot quote such characters.
  if (isAbsolute(path) && !/[:,\\\s!]/.test(path)) return path.replace(/\/+$/, '')
  throw new Failure('Invalid', `--${flag} ${path} does not fit`, {
    field: flag,
    remedy: 'use an absolute path without spaces, colon, comma, backslash and exclamation mark',
  })
}

function port(flag: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number
  throw new Failure('Invalid', `--${flag} ${text} is no port`, { field: flag, remedy: 'use 1 to 65535' })
}

function limit(name: keyof Limits, flag: string, text: string | undefined): Partial<Limits> {
  if (text === undefined) return {}
  const number = Number(text)
  if (text.trim() !== '' && number >= 0 && Number.isFinite(number)) return { [name]: number }
  throw new Failure('Invalid', `--${flag} ${text} is no limit`, {
    field: flag,
    remedy: 'use a number that is not negative',
  })
}
