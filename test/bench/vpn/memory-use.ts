import { readFile } from 'node:fs/promises'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { residentMebibytesOf } from '../process-cost.ts'

/** Memory of a process in MiB. */
export interface MemoryUse {
  /** All that is resident, shared files included. */
  readonly rss: number
  /** The same with each shared page counted by the part that falls to this process: what all processes together take is the sum of it. */
  readonly pss: number
  /** Of it what is this process's alone: what one more such process costs a host. */
  readonly private: number
  /** Of it what no file backs: heaps and stacks. */
  readonly anonymous: number
}

/** Memory of a process by the kernel's own sums. */
export async function memoryUseOf(processId: number): Promise<MemoryUse> {
  return memoryUseIn(await readFile(`/proc/${processId}/smaps_rollup`, 'utf8'))
}

/** Reads the text of `/proc/<pid>/smaps_rollup`. */
export function memoryUseIn(text: string): MemoryUse {
  const mebibytes = (field: string) => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
    if (kibibytes === undefined) throw new Failure('Invalid', `/proc/<pid>/smaps_rollup has no ${field}`)
    return Number(kibibytes) / 1024
  }
  return {
    rss: mebibytes('Rss'),
    pss: mebibytes('Pss'),
    private: mebibytes('Private_Clean') + mebibytes('Private_Dirty'),
    anonymous: mebibytes('Anonymous'),
  }
}

/** The processes that a process has started and that still run. */
export async function childrenOf(processId: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${processId}/task/${processId}/children`, 'utf8')
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map(Number)
}

const sampleMilliseconds = 100

/** Watches what several processes have together while the work goes on; resolves with the work's result and the most that was seen, in MiB of resident memory. */
export async function peakDuring<Value>(
  clock: Clock,
  processIds: readonly number[],
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly peaks: readonly number[]; readonly peak: number }> {
  let over = false
  const samples: (readonly number[])[] = []
  const watching = (async () => {
    while (!over) {
      samples.push(await Promise.all(processIds.map(residentMebibytesOf)))
      await clock.sleep(sampleMilliseconds)
    }
  })()
  try {
    const value = await work()
    const sums = samples.map((sample) => sample.reduce((sum, one) => sum + one, 0))
    const peaks = processIds.map((_, index) => Math.max(...samples.map((sample) => sample[index] ?? 0)))
    return { value, peaks, peak: Math.max(0, ...sums) }
  } finally {
    over = true
    await watching
  }
}
