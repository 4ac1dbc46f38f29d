import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure, InvariantError } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import type { Flow } from './define-flow.ts'
import type { Journal, JournalEvent } from './journal.ts'
import type { Json } from './output.ts'
import { createProgressBoard, type ProgressBoard, type ProgressListener, type Snapshot } from './progress.ts'
import { type RunHistory, replay, type TaskHistory } from './replay.ts'
import type { Task, TaskContext } from './task.ts'
import { createTaskContext } from './task-context.ts'

/** What a run needs. */
export interface RunOptions<Services> {
  readonly clock: Clock
  readonly random: Random
  readonly journal: Journal
  /** Names the run: a journal that ends in a run of the same name is resumed, anything else in it is passed over. */
  readonly run: string
  readonly services: Services
  /** Calls the run off: tasks under way are aborted, none begins. What succeeded stays in the journal. */
  readonly signal?: AbortSignal
  readonly onProgress?: ProgressListener
}

/** Why a task failed for good. */
export interface TaskError {
  readonly task: string
  readonly error: unknown
}

/** How a run ended. Errors are in the order in which they happened. */
export interface FlowResult {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled'
  readonly errors: readonly TaskError[]
  readonly snapshot: Snapshot
}

/**
 * Runs every task as soon as all before it are done, as many at once as the graph allows. A task that fails for good stops only what
 * depends on it. Tasks that the journal says succeeded in this run are not run again, unless declared `always`.
 * Never throws for a task's error; throws what the journal threw, after calling everything off, because nothing may go on unrecorded.
 */
export async function runFlow<Services>(flow: Flow<Services>, options: RunOptions<Services>): Promise<FlowResult> {
  const history = replay(await options.journal.load(), flow.name, options.run)
  const run = createRun(flow, options, history)
  if (!history.resumed) {
    await run.record({ kind: 'run-started', at: options.clock.now(), run: options.run, flow: flow.name })
  }
  const ends = new Map<string, Promise<TaskEnd>>()
  for (const task of flow.tasks) {
    const before = task.dependsOn.map((id) => ends.get(id) ?? Promise.resolve<TaskEnd>('blocked'))
    ends.set(task.id, run.settle(task, before))
  }
  const outcome = summarizeOutcome(await Promise.all(ends.values()))
  run.throwIfBroken()
  if (outcome !== 'cancelled') {
    await run.record({ kind: 'run-finished', at: options.clock.now(), run: options.run, outcome })
  }
  return { outcome, errors: run.errors, snapshot: run.board.snapshot() }
}

type TaskEnd = 'passed' | 'failed' | 'blocked' | 'cancelled'

function summarizeOutcome(ends: readonly TaskEnd[]): FlowResult['outcome'] {
  if (ends.includes('cancelled')) return 'cancelled'
  return ends.every((end) => end === 'passed') ? 'succeeded' : 'failed'
}

interface Run<Services> {
  readonly errors: readonly TaskError[]
  readonly board: ProgressBoard
  settle(task: Task<Services>, before: readonly Promise<TaskEnd>[]): Promise<TaskEnd>
  record(event: JournalEvent): Promise<void>
  throwIfBroken(): void
}

function createRun<Services>(flow: Flow<Services>, options: RunOptions<Services>, history: RunHistory): Run<Services> {
  const { clock, random, journal } = options
  const errors: TaskError[] = []
  const outputs = new Map<string, Json>()
  const board = createProgressBoard(
    flow.tasks.map((task) => ({ task: task.id, state: 'pending', tries: 0 })),
    options.onProgress,
  )
  const broken = new AbortController()
  const signal = options.signal === undefined ? broken.signal : AbortSignal.any([options.signal, broken.signal])

  async function record(event: JournalEvent): Promise<void> {
    broken.signal.throwIfAborted()
    try {
      await journal.append(event)
    } catch (error) {
      broken.abort(error)
      throw error
    }
  }

  async function settle(task: Task<Services>, before: readonly Promise<TaskEnd>[]): Promise<TaskEnd> {
    const past = history.tasks.get(task.id)
    const ends = await Promise.all(before)
    const succeeded = past?.state === 'succeeded' && task.always !== true
    if (ends.includes('cancelled') || (signal.aborted && !succeeded)) return end(task, 'cancelled')
    if (ends.some((one) => one !== 'passed')) return end(task, 'blocked')
    if (succeeded) return restore(task, past)
    try {
      return await begin(task, past)
    } catch (error) {
      if (signal.aborted) return end(task, 'cancelled')
      return await fail(task, error)
    }
  }

  function end(task: Task<Services>, state: 'cancelled' | 'blocked'): TaskEnd {
    board.update(task.id, { state })
    return state
  }

  function restore(task: Task<Services>, past: TaskHistory): TaskEnd {
    outputs.set(task.id, past.output ?? null)
    const { startedAt, finishedAt, tries } = past
    board.update(task.id, { state: 'succeeded', tries, startedAt, finishedAt })
    return 'passed'
  }

  function contextOf(task: Task<Services>, tries: number, trySignal: AbortSignal): TaskContext<Services> {
    return createTaskContext({
      task,
      tries,
      services: options.services,
      signal: trySignal,
      outputs,
      note: (text) => board.update(task.id, { note: text }),
    })
  }

  async function begin(task: Task<Services>, past: TaskHistory | undefined): Promise<TaskEnd> {
    if (await task.skipIf?.(contextOf(task, 1, signal))) {
      await record({ kind: 'task-skipped', at: clock.now(), task: task.id })
      board.update(task.id, { state: 'skipped' })
      return 'passed'
    }
    const startedAt = past?.startedAt ?? clock.now()
    const earlierTries = past?.state === 'started' ? past.tries : 0
    board.update(task.id, { state: 'running', startedAt, tries: earlierTries })
    await record({ kind: 'task-started', at: clock.now(), task: task.id })
    const output = await tryUntilDone(task, earlierTries)
    const { tries } = board.report(task.id)
    await record({
      kind: 'task-succeeded',
      at: clock.now(),
      task: task.id,
      tries,
      ...(output === undefined ? {} : { output }),
    })
    outputs.set(task.id, output ?? null)
    board.update(task.id, { state: 'succeeded', finishedAt: clock.now(), lastError: undefined, note: undefined })
    return 'passed'
  }

  async function tryUntilDone(task: Task<Services>, earlierTries: number): Promise<Json | undefined> {
    let tries = earlierTries
    const once = async () => {
      tries++
      board.update(task.id, { tries })
      const note = () => board.report(task.id).note
      const output = await runTry({ clock, task, parent: signal, note }, (one) => task.run(contextOf(task, tries, one)))
      return checkedOutput(task, output)
    }
    if (task.retry === undefined) return once()
    return retry(once, {
      clock,
      random,
      signal,
      backoff: task.retry.backoff,
      deadlineMilliseconds: task.retry.deadlineMilliseconds,
      onRetry: (error) => {
        board.update(task.id, { lastError: describe(error) })
        record({ kind: 'task-retried', at: clock.now(), task: task.id, tries, error: describe(error) }).catch(() => {})
      },
    })
  }

  async function fail(task: Task<Services>, error: unknown): Promise<TaskEnd> {
    errors.push({ task: task.id, error })
    const { tries } = board.report(task.id)
    board.update(task.id, { state: 'failed', finishedAt: clock.now(), lastError: describe(error) })
    const event = { kind: 'task-failed', at: clock.now(), task: task.id, tries, error: describe(error) } as const
    return record(event).then(
      () => 'failed',
      () => 'cancelled',
    )
  }

  return { errors, board, settle, record, throwIfBroken: () => broken.signal.throwIfAborted() }
}

/** Checks that a task hands over exactly what it promised, before anything is written down. */
function checkedOutput<Services>(task: Task<Services>, output: unknown): Json | undefined {
  if (task.produces === undefined) return undefined
  if (output === undefined) throw new InvariantError(`task ${task.id} did not return the output that it declared`)
  task.produces.parse(output)
  return output as Json
}

interface Try<Services> {
  readonly clock: Clock
  readonly task: Task<Services>
  readonly parent: AbortSignal
  /** What the task last said that it waits for. */
  readonly note: () => string | undefined
}

/** Runs one try under its own signal and stops waiting when that aborts. */
async function runTry<Services, Value>(
  { clock, task, parent, note }: Try<Services>,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const own = new AbortController()
  const stop = () => own.abort(parent.reason)
  parent.throwIfAborted()
  parent.addEventListener('abort', stop, { once: true })
  const limit = task.timeoutMilliseconds
  const timer =
    limit === undefined ? undefined : clock.setTimer(limit, () => own.abort(tooSlow(task.id, limit, note())))
  const called = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true })
  })
  try {
    return await Promise.race([work(own.signal), called])
  } finally {
    timer?.cancel()
    parent.removeEventListener('abort', stop)
  }
}

function tooSlow(task: string, limitMilliseconds: number, note: string | undefined): Failure {
  const reason = note === undefined ? '' : `: ${note}`
  return new Failure('Unavailable', `task ${task} did not finish within ${limitMilliseconds / 1000} s${reason}`)
}
