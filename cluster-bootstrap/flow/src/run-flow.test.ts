import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drive } from '../testing/stock-tests.ts'
import { defineFlow } from './define-flow.ts'
import { createMemoryJournal, type Journal } from './journal.ts'
import { defineOutput } from './output.ts'
import type { Snapshot, TaskReport } from './progress.ts'
import { type RunOptions, runFlow } from './run-flow.ts'
import type { Task } from './task.ts'

function bench(overrides: Partial<RunOptions<string[]>> = {}) {
  const clock = createVirtualClock(0)
  const done: string[] = []
  const options: RunOptions<string[]> = {
    clock,
    random: createSeededRandom('flow'),
    journal: createMemoryJournal(),
    run: 'one',
    services: done,
    ...overrides,
  }
  return {
    clock,
    done,
    options,
    run: (tasks: readonly Task<string[]>[], more: Partial<RunOptions<string[]>> = {}) =>
      drive(clock, runFlow(defineFlow('f', tasks), { ...options, ...more })),
  }
}

/** A task that takes a while on the virtual clock and then says its name. */
function takes(clock: { sleep(ms: number): Promise<void> }, milliseconds: number): Task<string[]>['run'] {
  return async (context) => {
    await clock.sleep(milliseconds)
    context.services.push('.')
  }
}

function named(id: string, dependsOn: readonly string[] = [], more: Partial<Task<string[]>> = {}): Task<string[]> {
  return { id, dependsOn, run: async ({ services }) => void services.push(id), ...more }
}

const failFor = (error: unknown): Partial<Task<string[]>> => ({ run: () => Promise.reject(error) })
const invalid = new Failure('Invalid', 'wrong', { field: 'spec.x', remedy: 'mend it' })
const stateOf = (snapshot: Snapshot) => Object.fromEntries(snapshot.tasks.map((one) => [one.task, one.state]))

describe('order and parallelism', () => {
  it('takes as long as the longest path, not as long as the sum', async () => {
    const { clock, run } = bench()
    const result = await run([
      named('a', [], { run: takes(clock, 10) }),
      ...Array.from({ length: 50 }, (_, index) => named(`b${index}`, ['a'], { run: takes(clock, 100) })),
      named('c', ['b0', 'b49'], { run: takes(clock, 5) }),
    ])
    expect(result.outcome).toBe('succeeded')
    expect(clock.now()).toBe(115)
  })

  it('never begins a task before all that it depends on are done, in any graph', async () => {
    const graph = fc.array(fc.tuple(fc.array(fc.nat(99), { maxLength: 3 }), fc.nat(50)), { maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(graph, async (rows) => {
        const { clock, run } = bench()
        const ends = new Map<string, number>()
        const tasks = rows.map(([draws, span], index) => {
          const dependsOn = index === 0 ? [] : [...new Set(draws.map((draw) => `t${draw % index}`))]
          return named(`t${index}`, dependsOn, {
            run: async () => {
              for (const id of dependsOn) expect(ends.has(id)).toBe(true)
              await clock.sleep(span)
              ends.set(`t${index}`, clock.now())
            },
          })
        })
        const result = await run(tasks)
        expect(result.outcome).toBe('succeeded')
        expect(result.snapshot.percent).toBe(100)
      }),
      { numRuns: 50 },
    )
  })
})

describe('failure', () => {
  it('lets independent branches finish and reports every error', async () => {
    const { done, run } = bench()
    const result = await run([
      named('a'),
      named('b', ['a'], failFor(invalid)),
      named('c', ['b']),
      named('d', ['a']),
      named('e', ['d'], failFor(new Failure('Invalid', 'also wrong'))),
      named('g', ['c', 'd']),
    ])
    expect(result.outcome).toBe('failed')
    expect(result.errors.map((one) => one.task).sort()).toEqual(['b', 'e'])
    expect(stateOf(result.snapshot)).toEqual({
      a: 'succeeded',
      b: 'failed',
      c: 'blocked',
      d: 'succeeded',
      e: 'failed',
      g: 'blocked',
    })
    expect(done).toEqual(['a', 'd'])
    expect(result.snapshot.tasks.find((one) => one.task === 'b')?.lastError).toBe('spec.x: wrong (mend it)')
  })

  it('treats a task that throws at once like one that rejects', async () => {
    const { run } = bench()
    const result = await run([
      named('a', [], {
        run: () => {
          throw invalid
        },
      }),
    ])
    expect(result.errors).toEqual([{ task: 'a', error: invalid }])
  })

  it('treats a failing skipIf as a failure of the task', async () => {
    const { run } = bench()
    const result = await run([named('a', [], { skipIf: () => Promise.reject(invalid) })])
    expect(result.errors).toEqual([{ task: 'a', error: invalid }])
  })
})

describe('retry', () => {
  const backoff = { firstMilliseconds: 100, longestMilliseconds: 1000 }

  it('tries again with growing pauses and counts', async () => {
    const reports: TaskReport[] = []
    const { run, clock } = bench()
    let left = 3
    const flaky = named('a', [], {
      retry: { backoff, deadlineMilliseconds: 60_000 },
      run: async ({ tries }) => {
        expect(tries).toBe(4 - left)
        if (--left > 0) throw new Failure('Unavailable', `not yet ${left}`)
      },
    })
    const result = await run([flaky], { onProgress: (_, changed) => reports.push(changed) })
    expect(result.outcome).toBe('succeeded')
    expect(result.snapshot.tasks[0]).toMatchObject({
      tries: 3,
      state: 'succeeded',
      startedAt: 0,
      finishedAt: clock.now(),
    })
    expect(result.snapshot.tasks[0]?.lastError).toBeUndefined()
    expect(reports.map((one) => one.lastError)).toContain('not yet 1')
    expect(clock.now()).toBeGreaterThanOrEqual(150)
  })

  it('gives up at the deadline with the last error', async () => {
    const { run, clock } = bench()
    const result = await run([
      named('a', [], {
        retry: { backoff, deadlineMilliseconds: 2000 },
        ...failFor(new Failure('Unavailable', 'down')),
      }),
    ])
    expect(result.outcome).toBe('failed')
    expect(clock.now()).toBeLessThanOrEqual(2000)
    expect(result.snapshot.tasks[0]?.tries).toBeGreaterThan(2)
  })

  it('does not try again what cannot succeed', async () => {
    const { run } = bench()
    const result = await run([named('a', [], { retry: { backoff, deadlineMilliseconds: 2000 }, ...failFor(invalid) })])
    expect(result.snapshot.tasks[0]?.tries).toBe(1)
  })

  it('ends a try that takes too long, even one that ignores its signal, and tries again', async () => {
    const { run, clock } = bench()
    const result = await run([
      named('a', [], {
        timeoutMilliseconds: 500,
        retry: { backoff, deadlineMilliseconds: 5000 },
        run: ({ tries }) => (tries === 1 ? new Promise<void>(() => {}) : Promise.resolve()),
      }),
    ])
    expect(result.outcome).toBe('succeeded')
    expect(clock.now()).toBeGreaterThanOrEqual(550)
    expect(clock.now()).toBeLessThan(700)
  })

  it('says which task was too slow and what it was waiting for', async () => {
    const { run } = bench()
    const waits: Task<string[]>['run'] = ({ note }) => {
      note('1 of 2 nodes')
      return new Promise<void>(() => {})
    }
    const slow = { timeoutMilliseconds: 500, run: () => new Promise<void>(() => {}) }
    const result = await run([named('a', [], slow), named('b', [], { ...slow, run: waits })])
    expect(result.snapshot.tasks[0]?.lastError).toBe('task a did not finish within 0.5 s')
    expect(result.snapshot.tasks[1]?.lastError).toBe('task b did not finish within 0.5 s: 1 of 2 nodes')
  })
})

describe('outputs', () => {
  const answer = defineOutput('a', (value) => {
    if (typeof value === 'number') return value
    throw new Failure('Invalid', 'not a number')
  })

  it('hands a value on, also to a resumed run', async () => {
    const { run, options } = bench()
    const read: (number | undefined)[] = []
    const tasks = (outcome: () => Promise<void>) => [
      named('a', [], { produces: answer, run: async () => 42 }),
      named('b', ['a'], {
        consumes: [answer],
        run: async (context) => {
          read.push(context.read(answer))
          await outcome()
        },
      }),
    ]
    await run(tasks(() => Promise.reject(invalid)))
    const second = await run(tasks(async () => {}))
    expect(second.outcome).toBe('succeeded')
    expect(read).toEqual([42, 42])
    const events = await options.journal.load()
    expect(events.filter((event) => event.kind === 'task-started').map((event) => event.task)).toEqual(['a', 'b', 'b'])
  })

  it.each([
    { name: 'no output though one was declared', task: named('a', [], { produces: answer }), says: 'did not return' },
    {
      name: 'an output of the wrong shape',
      task: named('a', [], { produces: answer, run: async () => 'text' }),
      says: 'not a number',
    },
    {
      name: 'a read that was not declared',
      task: named('a', [], { run: async (context) => void context.read(answer) }),
      says: 'without declaring it',
    },
  ])('refuses $name', async ({ task, says }) => {
    const result = await bench().run([task])
    expect(result.snapshot.tasks[0]?.lastError).toContain(says)
  })

  it('tells a skipped producer apart', async () => {
    const { run } = bench()
    let seen: number | undefined = 1
    const reader = (id: string, body: Task<string[]>['run']) => named(id, ['a'], { consumes: [answer], run: body })
    const result = await run([
      named('a', [], { produces: answer, run: async () => 1, skipIf: () => true }),
      reader('b', async (context) => {
        seen = context.readIfProduced(answer)
      }),
      reader('c', async (context) => void context.read(answer)),
    ])
    expect(seen).toBeUndefined()
    expect(result.snapshot.tasks[2]?.lastError).toContain('which was skipped')
  })
})

describe('progress', () => {
  it('counts what is done among what is not passed over and names what runs', async () => {
    const { clock, run } = bench()
    const lines: string[] = []
    await run(
      [
        named('a', [], { run: takes(clock, 10) }),
        named('s', [], { skipIf: async () => true }),
        named('b', ['a', 's'], {
          run: async ({ note }) => {
            note('1 of 2 things')
            await clock.sleep(10)
          },
        }),
        named('c', ['a'], { run: takes(clock, 20) }),
      ],
      { onProgress: (snapshot) => lines.push(`${snapshot.percent}% ${snapshot.running.join(', ')}`) },
    )
    expect(lines).toContain('0% a')
    expect(lines).toContain('33% b, c')
    expect(lines).toContain('66% c')
    expect(lines.at(-1)).toBe('100% ')
  })

  it('shows what a task waits for until it is done', async () => {
    const { run } = bench()
    const notes: (string | undefined)[] = []
    await run(
      [
        named('a', [], {
          run: async ({ note }) => note('waiting for a disk'),
        }),
      ],
      { onProgress: (_, changed) => notes.push(changed.note) },
    )
    expect(notes).toContain('waiting for a disk')
    expect(notes.at(-1)).toBeUndefined()
  })
})

describe('calling off', () => {
  it('aborts what runs, begins nothing and resumes later', async () => {
    const { clock, done, run } = bench()
    const stop = new AbortController()
    clock.setTimer(15, () => stop.abort(new Error('stop')))
    const tasks = [
      named('a', [], { run: takes(clock, 10) }),
      named('b', ['a'], {
        run: async ({ signal, services }) => clock.sleep(10, signal).then(() => void services.push('b')),
      }),
      named('c', ['b']),
    ]
    const first = await run(tasks, { signal: stop.signal })
    expect(first.outcome).toBe('cancelled')
    expect(stateOf(first.snapshot)).toEqual({ a: 'succeeded', b: 'cancelled', c: 'cancelled' })
    expect(clock.now()).toBe(15)
    const second = await run(tasks)
    expect(second.outcome).toBe('succeeded')
    expect(done).toEqual(['.', 'b', 'c'])
  })

  it('begins nothing when it was called off before', async () => {
    const { done, run } = bench()
    const result = await run([named('a')], { signal: AbortSignal.abort() })
    expect(result.outcome).toBe('cancelled')
    expect(done).toEqual([])
  })
})

describe('resume', () => {
  it('begins anew for another run and passes over events of earlier ones', async () => {
    const { done, run } = bench()
    await run([named('a')])
    await run([named('a')], { run: 'two' })
    expect(done).toEqual(['a', 'a'])
  })

  it('does nothing when all is done, except what is declared always', async () => {
    const { done, run } = bench()
    const tasks = [named('a', [], { always: true }), named('b', ['a'])]
    await run(tasks)
    const result = await run(tasks)
    expect(done).toEqual(['a', 'b', 'a'])
    expect(result.snapshot.percent).toBe(100)
  })

  it('blocks what succeeded before when an always-task before it fails', async () => {
    const { run } = bench()
    await run([named('a', [], { always: true }), named('b', ['a'])])
    const result = await run([
      named('a', [], { always: true, ...failFor(invalid) }),
      named('b', ['a']),
      named('c', ['b']),
    ])
    expect(stateOf(result.snapshot)).toEqual({ a: 'failed', b: 'blocked', c: 'blocked' })
  })

  it('keeps the instant of the first start and the number of tries across a crash', async () => {
    const { clock, run } = bench()
    const journal = createMemoryJournal([
      { kind: 'run-started', at: 0, run: 'one', flow: 'f' },
      { kind: 'task-started', at: 3, task: 'a' },
      { kind: 'task-retried', at: 5, task: 'a', tries: 2, error: 'no' },
    ])
    await clock.advance(20)
    const result = await run([named('a')], { journal })
    expect(result.snapshot.tasks[0]).toMatchObject({ startedAt: 3, finishedAt: 20, tries: 3 })
  })
})

describe('a journal that fails', () => {
  it('calls everything off and throws its error', async () => {
    const { clock, done, run } = bench()
    const full = new Failure('Unavailable', 'disk full')
    let appended = 0
    const journal: Journal = {
      load: async () => [],
      append: async () => {
        if (++appended > 4) throw full
      },
    }
    const tasks = [
      named('a', [], { run: takes(clock, 10) }),
      named('b', [], { run: ({ signal, services }) => clock.sleep(50, signal).then(() => void services.push('b')) }),
      named('c', ['a']),
    ]
    await expect(run(tasks, { journal })).rejects.toBe(full)
    expect(done).toEqual(['.'])
    expect(clock.pending()).toEqual([])
  })
})
