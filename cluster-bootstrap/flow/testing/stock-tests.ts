import { deepStrictEqual, strictEqual } from 'node:assert'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import type { VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { defineFlow, type Flow } from '../src/define-flow.ts'
import { createMemoryJournal, type Journal, type JournalEvent } from '../src/journal.ts'
import { type FlowResult, type RunOptions, runFlow } from '../src/run-flow.ts'
import type { Task } from '../src/task.ts'

/** A flow together with a fresh world that it works on. */
export interface Specimen<Services> {
  readonly flow: Flow<Services>
  readonly services: Services
  /** The clock that the flow and its services share; it is moved on by the harness whenever everything waits. */
  readonly clock: VirtualClock
  /** What the world looks like: equal for worlds that are equal. Identifiers that chance made must be left out. */
  describeWorld(): unknown
}

/** Makes a specimen; every call a new world. */
export type MakeSpecimen<Services> = () => Specimen<Services>

/** Runs the flow once from beginning to end and returns what the world then looks like. Throws unless the run succeeds. */
export async function runOnce<Services>(make: MakeSpecimen<Services>): Promise<unknown> {
  const specimen = make()
  strictEqual(outcomeText(await run(specimen, createMemoryJournal())), 'succeeded')
  return specimen.describeWorld()
}

/** Runs the flow with every task run twice in a row: the world must end the same. */
export async function repeatEveryTask<Services>(make: MakeSpecimen<Services>): Promise<void> {
  const expected = await runOnce(make)
  const specimen = make()
  const flow = mapTasks(specimen.flow, (task) => ({
    ...task,
    run: async (context) => {
      await task.run(context)
      return (await task.run(context)) ?? undefined
    },
  }))
  strictEqual(outcomeText(await run({ ...specimen, flow }, createMemoryJournal())), 'succeeded')
  deepStrictEqual(specimen.describeWorld(), expected, 'the world differs when every task is repeated')
}

/**
 * Lets each task in turn fail for good, once before and once after its work: the run must end in exactly that error, and a second run
 * must bring the world to where an undisturbed run brings it.
 */
export async function failEveryTask<Services>(make: MakeSpecimen<Services>): Promise<void> {
  const expected = await runOnce(make)
  for (const { id } of make().flow.tasks) {
    for (const moment of ['before', 'after'] as const) {
      const specimen = make()
      const journal = createMemoryJournal()
      const flow = mapTasks(specimen.flow, (task) => (task.id === id ? failing(task, moment) : task))
      const first = await run({ ...specimen, flow }, journal)
      deepStrictEqual(
        first.errors.map((one) => one.task),
        first.snapshot.tasks.find((task) => task.task === id)?.state === 'skipped' ? [] : [id],
        `failing ${moment} ${id}`,
      )
      strictEqual(outcomeText(await run(specimen, journal)), 'succeeded', `after failing ${moment} ${id}`)
      deepStrictEqual(specimen.describeWorld(), expected, `the world differs after failing ${moment} ${id}`)
    }
  }
}

/**
 * Kills the run after each event that it writes down, in turn, then starts it again with what was written: it must succeed, run nothing
 * again that was recorded as done, and leave the world as an undisturbed run does.
 */
export async function crashAfterEveryAppend<Services>(make: MakeSpecimen<Services>): Promise<number> {
  const expected = await runOnce(make)
  for (let survivors = 0; ; survivors++) {
    const specimen = make()
    const kept: JournalEvent[] = []
    const crashed = await run(specimen, crashingJournal(kept, survivors)).then(
      () => false,
      () => true,
    )
    if (!crashed) return survivors
    const started = new Set<string>()
    const flow = mapTasks(specimen.flow, (task) => ({
      ...task,
      run: (context) => {
        started.add(task.id)
        return task.run(context)
      },
    }))
    const result = await run({ ...specimen, flow }, createMemoryJournal(kept))
    strictEqual(outcomeText(result), 'succeeded', `after a crash at event ${survivors}`)
    for (const event of kept) {
      const always = specimen.flow.tasks.find((task) => 'task' in event && task.id === event.task)?.always === true
      if (event.kind === 'task-succeeded' && !always) {
        strictEqual(started.has(event.task), false, `${event.task} ran again after a crash at event ${survivors}`)
      }
    }
    deepStrictEqual(specimen.describeWorld(), expected, `the world differs after a crash at event ${survivors}`)
  }
}

/** Waits for work on a virtual clock, moving the clock to its next timer whenever nothing else can happen. */
export async function drive<Value>(clock: VirtualClock, work: Promise<Value>): Promise<Value> {
  let settled = false
  const watched = work.finally(() => {
    settled = true
  })
  watched.catch(() => undefined)
  while (!settled) {
    const next = clock.pending()[0]
    await clock.advance(next === undefined ? 0 : next - clock.now())
  }
  return watched
}

function run<Services>(specimen: Specimen<Services>, journal: Journal): Promise<FlowResult> {
  const options: RunOptions<Services> = {
    clock: specimen.clock satisfies Clock,
    random: createSeededRandom('stock tests'),
    journal,
    run: 'stock test',
    services: specimen.services,
  }
  return drive(specimen.clock, runFlow(specimen.flow, options))
}

function outcomeText(result: FlowResult): string {
  return [result.outcome, ...result.errors.map(({ task, error }) => `${task}: ${String(error)}`)].join('\n')
}

function mapTasks<Services>(flow: Flow<Services>, change: (task: Task<Services>) => Task<Services>): Flow<Services> {
  return defineFlow(flow.name, flow.tasks.map(change))
}

function failing<Services>(task: Task<Services>, moment: 'before' | 'after'): Task<Services> {
  return {
    ...task,
    run: async (context) => {
      if (moment === 'after') await task.run(context)
      throw new Failure('Invalid', 'a test made it fail')
    },
  }
}

function crashingJournal(kept: JournalEvent[], survivors: number): Journal {
  return {
    load: async () => [],
    append: async (event) => {
      if (kept.length >= survivors) throw new Failure('Unavailable', 'the process was killed')
      kept.push(event)
    },
  }
}
