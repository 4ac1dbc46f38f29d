import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { type CommandResult, createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createSystemRandom } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'

const repository = join(import.meta.dirname, '../../..')
const runner = createCommandRunner()

/** An installation beside the user's own: another name, other directories, another address range, the same cached parts. */
export interface TestInstallation extends AsyncDisposable {
  readonly name: string
  readonly stateDirectory: string
  /** Where its cloud answers. */
  readonly cloudSocket: string
  readonly environment: Readonly<Record<string, string>>
  /** Variables that `trellis` gets from now on, beside those it has. */
  set(settings: Readonly<Record<string, string>>): void
  /** Runs `./trellis ARGS` to its end. */
  trellis(args: readonly string[], input?: string): Promise<CommandResult>
  /** As `trellis`, but throws `Unavailable` with what it said unless it succeeds; returns its standard output. */
  must(args: readonly string[], input?: string): Promise<string>
  /** Starts `./trellis ARGS` and returns while it runs. */
  start(args: readonly string[]): ChildProcess
}

/** Prepares an installation, with further variables for `trellis`; nothing runs until `trellis up`. Disposing it runs `trellis down`. */
export async function prepareInstallation(
  name: string,
  publicPrefix: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestInstallation> {
  const directory = await mkdtemp(join(tmpdir(), `trellis-${name}-`))
  const runDirectory = join(directory, 'run')
  const stateDirectory = join(directory, 'state')
  const environment: Record<string, string> = {
    TRELLIS_INSTANCE: name,
    TRELLIS_STATE: stateDirectory,
    TRELLIS_RUN: runDirectory,
    TRELLIS_PUBLIC_PREFIX: publicPrefix,
    ...settings,
  }
  const trellis = (args: readonly string[], input?: string): Promise<CommandResult> =>
    runner.run(join(repository, 'trellis'), args, { environment, ...(input === undefined ? {} : { input }) })
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const result = await trellis(args, input)
    if (result.code === 0) return result.stdout
    throw new Failure(
      'Unavailable',
      `trellis ${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`,
    )
  }
  return {
    name,
    stateDirectory,
    cloudSocket: join(runDirectory, 'localcloud.sock'),
    environment,
    set: (more) => void Object.assign(environment, more),
    trellis,
    must,
    start: (args) =>
      spawn(join(repository, 'trellis'), args, {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    [Symbol.asyncDispose]: async () => {
      await must(['down'])
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Calls `attempt` until it returns without throwing; throws its last error after `seconds`. Whatever is asked of a cluster becomes true in its own time. */
export function eventually<Value>(seconds: number, attempt: () => Promise<Value>): Promise<Value> {
  return retry(attempt, {
    clock: createSystemClock(),
    random: createSystemRandom(),
    backoff: { firstMilliseconds: 200, longestMilliseconds: 1000 },
    deadlineMilliseconds: seconds * 1000,
    retryable: () => true,
  })
}
