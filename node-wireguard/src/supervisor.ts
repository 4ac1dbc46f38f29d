import type { Clock } from '@trellis/foundation/clock'
import { aborted, childSignal } from '@trellis/foundation/lifetime'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import type { LaunchedProcess } from './launcher.ts'

/** What keeping a program running takes. */
export interface SupervisorOptions<Program extends LaunchedProcess> {
  readonly clock: Clock
  readonly random: Random
  /** A program that runs already. */
  readonly first: Program
  /** Starts it again; resolves when it does what it is there for, and throws when it does not come to that. */
  readonly start: () => Promise<Program>
  /** Called when a program has ended that will be started again, with a sentence that says how. */
  readonly onEnd: (how: string) => void
  /** Called when it has been started again. */
  readonly onStart: () => void
  /** Called when it does not start and will be tried again. */
  readonly onRefusal: (error: unknown) => void
}

/** A program that is started again whenever it ends, until disposed of: then it is asked to end, and made to after two seconds. */
export interface Supervisor<Program extends LaunchedProcess> extends AsyncDisposable {
  /** The one that runs, or the last that ran. */
  running(): Program
  /** How often it was started again. */
  restarts(): number
}

const backoff = { firstMilliseconds: 50, longestMilliseconds: 5000 }
/** A program that lived this long was well: the next restart is quick again. */
const stableMilliseconds = 30_000
const graceMilliseconds = 2000

/** Keeps a program running. Pauses between starts grow from 50 ms to five seconds, with some chance in them. */
export function supervise<Program extends LaunchedProcess>(options: SupervisorOptions<Program>): Supervisor<Program> {
  const { clock, random } = options
  const life = childSignal(new AbortController().signal)
  let running = options.first
  let restarts = 0

  async function watch(): Promise<void> {
    let tries = 0
    while (!life.signal.aborted) {
      const startedAt = clock.now()
      const how = await Promise.race([running.ended, aborted(life.signal).then(() => undefined)])
      if (how === undefined) break
      options.onEnd(how)
      tries = clock.now() - startedAt >= stableMilliseconds ? 1 : tries + 1
      await restartUntilItRuns(tries)
    }
    await stop(running, clock)
  }

  async function restartUntilItRuns(tries: number): Promise<void> {
    for (let count = tries; !life.signal.aborted; count++) {
      try {
        await clock.sleep(pauseMilliseconds(backoff, count, random), life.signal)
        running = await options.start()
        restarts++
        options.onStart()
        return
      } catch (error) {
        if (!life.signal.aborted) options.onRefusal(error)
      }
    }
  }

  const watching = watch()
  return {
    running: () => running,
    restarts: () => restarts,
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await watching
    },
  }
}

async function stop(program: LaunchedProcess, clock: Clock): Promise<void> {
  program.terminate()
  const timer = clock.setTimer(graceMilliseconds, () => program.kill())
  await program.ended
  timer.cancel()
}
