import type { Backoff } from '@trellis/foundation/retry'
import type { Output } from './output.ts'

/** What a task gets while it runs. */
export interface TaskContext<Services> {
  /** What the caller of the flow brought along. */
  readonly services: Services
  /** Aborts when the try has taken too long or the flow is called off. The engine does not wait for a try that ignores it. */
  readonly signal: AbortSignal
  /** Number of this try, from 1. */
  readonly tries: number
  /** The output of an earlier task; only outputs named in `consumes` may be read. Throws an invariant error when that task was skipped. */
  read<Value>(output: Output<Value>): Value
  /** As `read`, but undefined when the producing task was skipped. */
  readIfProduced<Value>(output: Output<Value>): Value | undefined
  /** Tells people what the task is waiting for; shown beside its name until the next note. */
  note(text: string): void
}

/** How often a task may fail before it counts as failed. */
export interface TaskRetry {
  readonly backoff: Backoff
  /** No new try begins later than this after the first one began. */
  readonly deadlineMilliseconds: number
}

/** One step of a flow. `run` must be harmless to repeat: after a crash it may run again though its effects are there. */
export interface Task<Services> {
  readonly id: string
  /** Tasks that must have succeeded (or been skipped) before this one begins. */
  readonly dependsOn: readonly string[]
  /** The output that `run` resolves with; what a task without one resolves with is passed over. */
  readonly produces?: Output<unknown>
  /** Outputs that `run` reads; their tasks must lie before this one. */
  readonly consumes?: readonly Output<unknown>[]
  run(context: TaskContext<Services>): Promise<unknown>
  /** Takes the effects of `run` back; harmless to repeat and when there are none. */
  undo?(context: TaskContext<Services>): Promise<void>
  /** When true the task is passed over and does not count in the percentage. */
  skipIf?(context: TaskContext<Services>): boolean | Promise<boolean>
  /** One try unless told. Only failures that may pass by themselves are tried again. */
  readonly retry?: TaskRetry
  /** Longest that one try may take; unlimited unless told. */
  readonly timeoutMilliseconds?: number
  /** Runs again in a resumed run though the journal says that it succeeded. */
  readonly always?: boolean
}
