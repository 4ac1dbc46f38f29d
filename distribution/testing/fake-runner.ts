import type { CommandOptions, CommandResult, CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** What a fake program does when it is called. */
export type FakeProgram = (
  args: readonly string[],
  options: CommandOptions,
) => Partial<CommandResult> | Promise<Partial<CommandResult>>

/** A runner that runs nothing but remembers what it was asked for. */
export interface FakeRunner extends CommandRunner {
  /** Each call as one line: program and arguments. Locks are not listed. */
  readonly calls: readonly string[]
}

/** A runner that knows only the given programs; any other does not exist. Locks are granted at once. */
export function createFakeRunner(programs: Readonly<Record<string, FakeProgram>> = {}): FakeRunner {
  const calls: string[] = []
  return {
    calls,
    run: async (program, args, options = {}) => {
      if (program === 'flock') return holdLock(options)
      calls.push([program, ...args].join(' '))
      const behaviour = programs[program]
      if (behaviour === undefined) throw new Failure('NotFound', `there is no program ${program}`)
      return { code: 0, stdout: '', stderr: '', ...(await behaviour(args, options)) }
    },
  }
}

/** Says that the lock is held and ends when it is let go. */
function holdLock(options: CommandOptions): Promise<CommandResult> {
  options.onLine?.('held')
  return new Promise((_resolve, reject) => {
    options.signal?.addEventListener('abort', () => reject(options.signal?.reason), { once: true })
  })
}
