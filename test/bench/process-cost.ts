import { readFile } from 'node:fs/promises'
import { Failure } from '@trellis/foundation/failure'

/** Clock ticks a second in which the kernel tells CPU times to user space: the same on every Linux that Node supports. */
const ticksPerSecond = 100

/** Seconds of CPU that a process has used so far, all its threads in user and kernel mode together. */
export async function cpuSecondsOf(processId: number): Promise<number> {
  return cpuSecondsIn(await readFile(`/proc/${processId}/stat`, 'utf8'))
}

/** The same together with what the programs that it has started and seen end have used. */
export async function cpuSecondsWithChildrenOf(processId: number): Promise<number> {
  return cpuSecondsIn(await readFile(`/proc/${processId}/stat`, 'utf8'), [11, 12, 13, 14])
}

/** Reads the text of `/proc/<pid>/stat`, its own CPU times unless told which. The program's name in it may hold blanks and parentheses. */
export function cpuSecondsIn(stat: string, places: readonly number[] = [11, 12]): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = places.reduce((sum, place) => sum + Number(fields[place]), 0)
  if (!Number.isFinite(ticks)) throw new Failure('Invalid', '/proc/<pid>/stat has no CPU times')
  return ticks / ticksPerSecond
}

/** Resident memory of a process in MiB. */
export async function residentMebibytesOf(processId: number): Promise<number> {
  return residentMebibytesIn(await readFile(`/proc/${processId}/status`, 'utf8'))
}

/** Reads the text of `/proc/<pid>/status`. */
export function residentMebibytesIn(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Failure('Invalid', '/proc/<pid>/status has no VmRSS')
  return Number(kibibytes) / 1024
}
