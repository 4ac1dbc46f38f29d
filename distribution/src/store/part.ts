import type { CommandRunner } from '@trellis/foundation/command'
import type { Log } from '@trellis/foundation/log'

/** How a part came into the cache. */
export type Source = 'host' | 'download' | 'build'

/** A finished part: what it holds never changes again. */
export interface Entry {
  readonly part: string
  /** Digest of the recipe and its inputs. */
  readonly key: string
  /** Digest of the content: what parts made from this one depend on. */
  readonly digest: string
  readonly source: Source
  /** Whether it was made just now. */
  readonly fresh: boolean
  /** The read-only directory with the part's files. */
  readonly directory: string
}

/** What a recipe may use while it makes its part. */
export interface Workshop {
  /** Empty directory that becomes the part's content. */
  readonly directory: string
  /** Empty directory for what is thrown away. */
  readonly scratch: string
  readonly runner: CommandRunner
  readonly log: Log
  readonly signal: AbortSignal | undefined
  /** A part that the recipe needs. */
  part(name: string): Entry
  /** Tells the user what is going on, in a few words. */
  report(state: 'downloading' | 'building', detail: string): void
}

/** How to make one part. */
export interface Recipe {
  readonly part: string
  /** Parts that must exist first; their digests count as inputs. */
  readonly needs: readonly string[]
  /** Heavy ones fill the machine by themselves: one at a time. */
  readonly heavy: boolean
  /** Of no interest to users unless it fails. */
  readonly silent?: boolean
  /** Texts that together decide what comes out, beside the needed parts. Called after those exist. */
  inputs(part: (name: string) => Entry): Promise<readonly string[]>
  /** Fills the workshop's directory and says where the content came from. */
  make(workshop: Workshop): Promise<Source>
}

/** Where a part stands. */
export type ProgressState = 'present' | 'waiting' | 'downloading' | 'building' | 'done' | 'failed'

/** One line of progress. */
export interface ProgressEvent {
  readonly part: string
  readonly state: ProgressState
  readonly detail: string
  /** Since work on this part began. */
  readonly seconds: number
}

/** Hears what happens to parts. */
export type ProgressListener = (event: ProgressEvent) => void
