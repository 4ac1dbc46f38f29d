import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import {
  crashAfterEveryAppend,
  failEveryTask,
  type MakeSpecimen,
  repeatEveryTask,
  runOnce,
} from '../testing/stock-tests.ts'
import { defineFlow } from './define-flow.ts'
import { defineOutput } from './output.ts'
import type { Task } from './task.ts'

type World = Map<string, string>

/** A flow that keeps a world of names and values; `careless` makes one task count its runs, which repeats show. */
const make =
  (careless: boolean): MakeSpecimen<World> =>
  () => {
    const clock = createVirtualClock()
    const world: World = new Map()
    const address = defineOutput('address', String)
    const tasks: Task<World>[] = [
      { id: 'space', dependsOn: [], run: async () => void world.set('space', 'made') },
      { id: 'never', dependsOn: ['space'], skipIf: () => true, run: async () => void world.set('never', 'made') },
      {
        id: 'address',
        dependsOn: ['space'],
        produces: address,
        run: async () => {
          await clock.sleep(100)
          world.set('address', '198.18.0.9')
          return '198.18.0.9'
        },
      },
      {
        id: 'flaky',
        dependsOn: ['space'],
        retry: { backoff: { firstMilliseconds: 10, longestMilliseconds: 10 }, deadlineMilliseconds: 1000 },
        run: async ({ tries }) => {
          if (tries === 1) throw new Failure('Unavailable', 'not yet')
          world.set('flaky', 'made')
        },
      },
      {
        id: 'user',
        dependsOn: ['address', 'flaky', 'never'],
        consumes: [address],
        run: async (context) => {
          const before = careless ? (world.get('user') ?? '') : ''
          world.set('user', `${before}at ${context.read(address)}`)
        },
      },
    ]
    return {
      clock,
      services: world,
      flow: defineFlow('specimen', tasks),
      describeWorld: () => Object.fromEntries(world),
    }
  }

describe('the stock tests', () => {
  it('pass for tasks that are harmless to repeat', async () => {
    await repeatEveryTask(make(false))
    await failEveryTask(make(false))
    expect(await crashAfterEveryAppend(make(false))).toBe(12)
  })

  it('catch a task that is not', async () => {
    await expect(repeatEveryTask(make(true))).rejects.toThrow('differs when every task is repeated')
    await expect(failEveryTask(make(true))).rejects.toThrow('differs after failing after user')
    await expect(crashAfterEveryAppend(make(true))).rejects.toThrow('differs after a crash')
    await expect(runOnce(make(true))).resolves.toMatchObject({ user: 'at 198.18.0.9' })
  })
})
