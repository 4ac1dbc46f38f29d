import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { readIfPresent } from './files.ts'
import type { ProcessRecord } from './records.ts'

/** The process of that id as it runs now; undefined when there is none or only its remains. */
export async function findProcess(pid: number): Promise<ProcessRecord | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat === undefined ? undefined : parseStat(pid, stat)
}

/** Reads `/proc/<pid>/stat`. A zombie counts as gone. */
export function parseStat(pid: number, stat: string): ProcessRecord | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTicks = rest[18]
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, startTicks }
}

/** Whether that very process still runs, and not another one that was given its id. */
export async function isAlive(process: ProcessRecord): Promise<boolean> {
  return (await findProcess(process.pid))?.startTicks === process.startTicks
}

/** The process whose id a file holds; undefined when there is no such file or process. */
export async function processOfPidFile(path: string): Promise<ProcessRecord | undefined> {
  const pid = Number((await readIfPresent(path))?.trim())
  return Number.isInteger(pid) && pid > 0 ? await findProcess(pid) : undefined
}

/** Sends a signal; harmless when the process has gone. */
export function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Asks often until `condition` holds; throws `Unavailable` with `what` when it does not within the deadline. */
export async function waitUntil(
  clock: Clock,
  what: string,
  deadlineMilliseconds: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const end = clock.now() + deadlineMilliseconds
  while (!(await condition())) {
    if (clock.now() > end) throw new Failure('Unavailable', `${what} did not happen within ${deadlineMilliseconds} ms`)
    await clock.sleep(pollMilliseconds)
  }
}

const pollMilliseconds = 10

/** Ids of the processes whose command line fits. */
export async function processesWhere(fits: (commandLine: readonly string[]) => boolean): Promise<readonly number[]> {
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const text = await readFile(join('/proc', entry, 'cmdline'), 'utf8').catch(() => '')
    if (text !== '' && fits(text.split('\0'))) found.push(Number(entry))
  }
  return found
}
