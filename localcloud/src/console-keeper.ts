import { lstat, open, readlink, stat, truncate } from 'node:fs/promises'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { MachineDirectories } from './bundle.ts'
import { isAbsent } from './files.ts'
import { processesWhere, signalProcess, waitUntil } from './processes.ts'

/** Largest console log of one machine. */
export const consoleLimitBytes = 1024 * 1024
/** Longest time that starting or ending a console may take. */
const startDeadlineMilliseconds = 60_000

/**
 * Keeps a machine's console: a pseudo terminal whose output a small process of its own appends to a file, so that neither the machine nor
 * its log depends on this daemon. Returns the device for the machine's `/dev/console`. A keeper that runs already is kept.
 */
export async function keepConsole(
  clock: Clock,
  runner: CommandRunner,
  directories: MachineDirectories,
): Promise<string> {
  const { consoleDevice, consoleLog } = directories
  if ((await keepersOf(directories)).length === 0) {
    const addresses = [
      `PTY,link=${consoleDevice},rawer,ignoreeof,mode=600`,
      `OPEN:${consoleLog},creat,append,wronly,mode=600`,
    ]
    const script = 'exec setsid --fork socat -u "$@" </dev/null >/dev/null 2>&1'
    await runOrThrow(runner, 'sh', ['-c', script, 'sh', ...addresses])
  }
  await waitUntil(clock, 'the start of the console', startDeadlineMilliseconds, () => exists(consoleDevice))
  return await readlink(consoleDevice)
}

/** Ends a machine's console and waits until it has ended; harmless when there is none. */
export async function endConsole(clock: Clock, directories: MachineDirectories): Promise<void> {
  await waitUntil(clock, 'the end of the console', startDeadlineMilliseconds, async () => {
    const keepers = await keepersOf(directories)
    for (const pid of keepers) signalProcess(pid, 'SIGKILL')
    return keepers.length === 0
  })
}

/** Ids of the processes that keep consoles of machines below `directory`. */
export async function consoleKeepersBelow(directory: string): Promise<readonly number[]> {
  return await processesWhere(([program, , address]) => {
    return program === 'socat' && address !== undefined && address.startsWith(`PTY,link=${directory}/`)
  })
}

/** The last lines of a console log, from its last 256 KiB; empty when there is none. */
export async function readConsole(consoleLog: string, lines: number): Promise<string> {
  const text = await readEnd(consoleLog, readLimitBytes)
  const all = text.replace(/\r/g, '').split('\n')
  if (all.at(-1) === '') all.pop()
  return all
    .slice(-lines)
    .map((line) => `${line}\n`)
    .join('')
}

const readLimitBytes = 256 * 1024

/** Cuts a log that has grown too long down to nothing but its last quarter; whoever appends to it goes on appending. */
export async function boundLog(path: string, limitBytes: number = consoleLimitBytes): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size <= limitBytes) return
  const end = await readEnd(path, Math.floor(limitBytes / 4))
  await truncate(path, 0)
  const file = await open(path, 'a')
  try {
    await file.writeFile(end.slice(end.indexOf('\n') + 1))
  } finally {
    await file.close()
  }
}

async function readEnd(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
  if (file === undefined) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, bytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead).toString()
  } finally {
    await file.close()
  }
}

async function keepersOf(directories: MachineDirectories): Promise<readonly number[]> {
  return await consoleKeepersBelow(directories.machine)
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}
