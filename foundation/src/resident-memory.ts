import { readFile } from 'node:fs/promises'
import type { Clock } from './clock.ts'
import { childSignal } from './lifetime.ts'

/** A range of this process's memory: its first address and its length in bytes. */
export interface MemoryRange {
  readonly start: bigint
  readonly length: bigint
}

/** What kernel and C library do for a process about its memory. A port, so that it can be tested when they are asked. */
export interface MemoryCalls {
  /** Lets go of the pages of a range (`MADV_DONTNEED`); those of a file are mapped again when they are touched. */
  release(range: MemoryRange): void
  /** Returns heap that was freed to the kernel (`malloc_trim`). */
  trim(): void
}

/** What giving memory back takes. */
export interface MemoryReturnOptions {
  readonly clock: Clock
  /** The calls of this machine unless told. */
  readonly open?: () => Promise<MemoryCalls>
  /** What this process may let go of; found in /proc unless told. */
  readonly ranges?: () => Promise<readonly MemoryRange[]>
}

/** A process has done by then all that only its start needs. */
const firstMilliseconds = 10_000
const intervalMilliseconds = 10_000
/** What this itself has used and thrown away is collected by then. */
const settleMilliseconds = 2000
/** `MADV_DONTNEED` of Linux. */
const dontNeed = 4

/**
 * Gives back, twelve seconds from now and then every ten, what this process has used once: pages of its program and libraries that only the start has needed, and freed heap of the C library.
 * For programs of which many run on one machine and which mostly wait. Nothing is lost: a page that is needed again still lies in the kernel's cache, and finding it there costs microseconds.
 * Where the runtime has no bridge to the C library (`node:ffi`, experimental) or the system is another, the process stays as large as it is. Never throws.
 */
export function keepReturningMemory(options: MemoryReturnOptions): AsyncDisposable {
  const life = childSignal(new AbortController().signal)
  // Either the runtime has no way, or this was told to end.
  const working = returnMemory(options, life.signal).catch(() => {})
  return {
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await working
    },
  }
}

async function returnMemory(options: MemoryReturnOptions, signal: AbortSignal): Promise<void> {
  const { clock, open = openMemoryCalls, ranges = ownProgramRanges } = options
  await clock.sleep(firstMilliseconds, signal)
  const calls = await open()
  // Once: they stay as they are, and reading them makes garbage, whose collection would touch half of what was given back.
  const program = await ranges()
  await clock.sleep(settleMilliseconds, signal)
  for (;;) {
    calls.trim()
    for (const range of program) calls.release(range)
    await clock.sleep(intervalMilliseconds, signal)
  }
}

/** The ranges of this process that hold nothing but its program and libraries as they stand in their files. They are mapped for as long as the process lives. */
async function ownProgramRanges(): Promise<readonly MemoryRange[]> {
  return programRanges(await readFile('/proc/self/smaps', 'latin1'))
}

/** The ranges in the text of `/proc/<pid>/smaps` that are mapped from files, cannot be written, and have no page that differs from its file: letting go of any other would lose data. */
export function programRanges(smaps: string): readonly MemoryRange[] {
  const ranges: MemoryRange[] = []
  let candidate: MemoryRange | undefined
  for (const line of smaps.split('\n')) {
    const header = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line)
    if (header !== null)
      candidate = /^r-.p$/.test(header[3] ?? '') && header[4]?.startsWith('/') === true ? rangeOf(header) : undefined
    else if (candidate !== undefined && /^Anonymous:\s+0 kB$/.test(line)) ranges.push(candidate)
  }
  return ranges
}

function rangeOf([, from, to]: RegExpExecArray): MemoryRange {
  const start = BigInt(`0x${from}`)
  return { start, length: BigInt(`0x${to}`) - start }
}

/** The calls of this machine's C library. Throws when the runtime has no bridge to it or the library lacks one of them. */
export async function openMemoryCalls(): Promise<MemoryCalls> {
  const { dlopen } = await import('node:ffi')
  const { functions } = dlopen(null, {
    madvise: { arguments: ['u64', 'u64', 'i32'], return: 'i32' },
    malloc_trim: { arguments: ['u64'], return: 'i32' },
  })
  return {
    // What is refused stays as it is.
    release: ({ start, length }) => void functions.madvise(start, length, dontNeed),
    trim: () => void functions.malloc_trim(0n),
  }
}
