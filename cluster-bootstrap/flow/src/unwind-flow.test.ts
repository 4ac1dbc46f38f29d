import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { drive } from '../testing/stock-tests.ts'
import { defineFlow } from './define-flow.ts'
import { createMemoryJournal } from './journal.ts'
import { runFlow } from './run-flow.ts'
import type { Task } from './task.ts'
import { describeErrors, unwindFlow } from './unwind-flow.ts'

function bench() {
  const clock = createVirtualClock()
  const log: string[] = []
  const options = { clock, random: createSeededRandom('u'), journal: createMemoryJournal(), run: 'one', services: log }
  const task = (id: string, dependsOn: readonly string[], more: Partial<Task<string[]>> = {}): Task<string[]> => ({
    id,
    dependsOn,
    run: async () => void log.push(`+${id}`),
    undo: async () => void log.push(`-${id}`),
    ...more,
  })
  return {
    log,
    task,
    run: (tasks: readonly Task<string[]>[]) => drive(clock, runFlow(defineFlow('f', tasks), options)),
    unwind: (tasks: readonly Task<string[]>[]) => drive(clock, unwindFlow(defineFlow('f', tasks), options)),
  }
}

describe('unwindFlow', () => {
  it('takes back what began, later tasks first, and does so once', async () => {
    const { log, task, run, unwind } = bench()
    const tasks = [
      task('a', []),
      task('b', ['a'], { undo: undefined }),
      task('c', ['b'], { run: () => Promise.reject(new Failure('Invalid', 'half done')) }),
      task('d', ['c']),
      task('s', ['a'], { skipIf: () => true }),
    ]
    await run(tasks)
    expect((await unwind(tasks)).undone).toEqual(['c', 'b', 'a'])
    expect(log).toEqual(['+a', '+b', '-c', '-a'])
    expect((await unwind(tasks)).undone).toEqual([])
  })

  it('keeps in place what a failed undo still needs, and resumes', async () => {
    const { log, task, run, unwind } = bench()
    let broken = true
    const tasks = [
      task('a', []),
      task('b', ['a'], {
        undo: async () => {
          if (broken) throw new Failure('Conflict', 'in use')
        },
      }),
      task('c', []),
    ]
    await run(tasks)
    const first = await unwind(tasks)
    expect(first.undone).toEqual(['c'])
    expect(describeErrors(first.errors)).toEqual(['b: in use'])
    broken = false
    expect((await unwind(tasks)).undone).toEqual(['b', 'a'])
    expect(log.filter((line) => line === '-c')).toHaveLength(1)
  })

  it('tries an undo again where the task allows it', async () => {
    const { task, run, unwind } = bench()
    const tasks = [
      task('a', [], {
        retry: { backoff: { firstMilliseconds: 10, longestMilliseconds: 10 }, deadlineMilliseconds: 100 },
        undo: async ({ tries }) => {
          if (tries < 3) throw new Failure('Unavailable', 'later')
        },
      }),
    ]
    await run(tasks)
    expect((await unwind(tasks)).undone).toEqual(['a'])
  })

  it('runs again what was undone', async () => {
    const { log, task, run, unwind } = bench()
    const tasks = [task('a', [])]
    await run(tasks)
    await unwind(tasks)
    await run(tasks)
    expect(log).toEqual(['+a', '-a', '+a'])
  })
})
