import type { JoinStep } from '@trellis/api/join-report'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { runSteps, type Step } from './runner.ts'

function setUp() {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const told: string[] = []
  let last: readonly JoinStep[] = []
  const run = (steps: readonly Step[]) =>
    runSteps(steps, {
      clock,
      random: createSeededRandom('runner'),
      signal: stop.signal,
      onChange: (steps, { name, state }) => {
        last = steps
        told.push(`${name} ${state}`)
      },
    })
  return { clock, stop, told, run, last: () => last }
}

/** A step that is done when the test says so. */
function manualStep(name: string, after: readonly string[] = []) {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { step: { name, after, run: () => promise }, finish: resolve, fail: reject }
}

const quick = (name: string, after: readonly string[] = []): Step => ({ name, after, run: async () => {} })

describe('runSteps', () => {
  it('runs what can run beside each other, and what comes after only then', async () => {
    const { run, told, clock } = setUp()
    const a = manualStep('a')
    const b = manualStep('b')
    const done = run([a.step, b.step, quick('c', ['a', 'b'])])
    await clock.advance(0)
    expect(told).toEqual(['a running', 'b running'])
    b.finish()
    await clock.advance(0)
    expect(told.slice(2)).toEqual(['b done'])
    a.finish()
    await done
    expect(told.slice(3)).toEqual(['a done', 'c running', 'c done'])
  })

  it('records instants, tries and the last error of each step', async () => {
    const { run, clock, last } = setUp()
    let tries = 0
    const flaky: Step = {
      name: 'flaky',
      after: [],
      run: async () => {
        if (++tries < 3) throw new Failure('Unavailable', `not yet ${tries}`)
      },
    }
    const done = run([flaky])
    await clock.advance(0)
    expect(last()[0]).toMatchObject({ state: 'failed', tries: 1, error: 'not yet 1' })
    await clock.advance(2_000)
    await done
    expect(last()).toMatchObject([{ name: 'flaky', state: 'done', tries: 3, startedAt: '2026-01-01T00:00:00.000Z' }])
    expect(last()[0]?.error).toBeUndefined()
    expect(Date.parse(last()[0]?.finishedAt ?? '')).toBeGreaterThan(Date.UTC(2026, 0, 1))
  })

  it('waits longer between tries, but never longer than ten seconds', async () => {
    const { run, clock, stop } = setUp()
    const tried: number[] = []
    const never: Step = {
      name: 'never',
      after: [],
      run: async () => {
        tried.push(clock.now())
        throw new Failure('Unavailable', 'no')
      },
    }
    const done = run([never])
    await clock.advance(120_000)
    const pauses = tried.slice(1).map((at, index) => at - (tried[index] ?? 0))
    expect(pauses[0]).toBeLessThanOrEqual(250)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000)
    expect(Math.min(...pauses.slice(-3))).toBeGreaterThanOrEqual(5_000)
    stop.abort(new Error('stopped'))
    await expect(done).rejects.toThrow('stopped')
  })

  it.each([
    ['a wrong configuration', new Failure('Invalid', 'wrong', { field: 'machineName' })],
    ['a bug', new InvariantError('bug')],
  ])('gives up at once for %s, and stops the steps beside', async (_, error) => {
    const { run, told } = setUp()
    let stopped = false
    const beside: Step = {
      name: 'beside',
      after: [],
      run: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            stopped = true
            reject(signal.reason)
          })
        }),
    }
    const broken: Step = { name: 'broken', after: [], run: () => Promise.reject(error) }
    await expect(run([beside, broken, quick('later', ['broken'])])).rejects.toBe(error)
    expect(stopped).toBe(true)
    expect(told).not.toContain('later running')
  })

  it('tries again when a cluster refuses: clusters change', async () => {
    const { run, clock } = setUp()
    const answers = [
      new Failure('Invalid', 'refused by a webhook'),
      new Failure('Unauthorized', 'no such role'),
      undefined,
    ]
    const step: Step = {
      name: 'ask',
      after: [],
      run: async () => {
        const answer = answers.shift()
        if (answer !== undefined) throw answer
      },
    }
    const done = run([step])
    await clock.advance(5_000)
    await done
    expect(answers).toEqual([])
  })

  it('ends with the reason when it is asked to stop', async () => {
    const { run, clock, stop } = setUp()
    const waiting: Step = {
      name: 'waiting',
      after: [],
      run: (signal) => clock.sleep(60_000, signal),
    }
    const done = run([waiting])
    await clock.advance(1)
    stop.abort(new Error('received SIGTERM'))
    await expect(done).rejects.toThrow('received SIGTERM')
    expect(clock.pending()).toEqual([])
  })

  it.each([
    ['an unknown step', [quick('a', ['b'])]],
    ['a later step', [quick('a', ['b']), quick('b')]],
    ['the same name', [quick('a'), quick('a')]],
  ])('refuses a plan in which a step refers to %s', async (_, steps) => {
    await expect(setUp().run(steps)).rejects.toThrow(InvariantError)
  })
})
