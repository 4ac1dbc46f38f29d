import type { Cache } from '@trellis/distribution/store/cache'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Random } from '@trellis/foundation/random'
import type { Laboratory } from 'node-wireguard/testing/namespaces'
import type { BenchOptions } from './options.ts'

/** What every part and variant works with. */
export interface BenchContext {
  readonly clock: Clock
  readonly random: Random
  readonly runner: CommandRunner
  readonly cache: Cache
  /** Brings parts of the distribution into the cache and gives the directory of each. */
  readonly ensureParts: (parts: readonly string[]) => Promise<Readonly<Record<string, string>>>
  readonly laboratory: Laboratory
  /** A directory for files of the run. */
  readonly directory: string
  readonly options: BenchOptions
  /** Aborts when the benchmark is asked to end. */
  readonly signal: AbortSignal
  /** Tells people how far it is. */
  readonly tell: (text: string) => void
}
