import { describe as describeError, Failure, InvariantError, isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { InfrastructureEngine, InfrastructureRequest, InfrastructureState } from '../src/infrastructure/engine.ts'

/** What a shoot asks for, without what changes from run to run. */
export type InfrastructureWish = Omit<InfrastructureRequest, 'state' | 'save' | 'signal' | 'note'>

/** An engine whose process dies after some changes at its cloud. */
export interface DyingEngine {
  readonly engine: InfrastructureEngine
  /** Whether it has come to that. */
  isDead(): boolean
}

/** An engine in front of a cloud that holds nothing of any cluster yet. */
export interface InfrastructureHarness extends AsyncDisposable {
  readonly engine: InfrastructureEngine
  /** An engine that makes so many changes at its cloud; with the answer to the last its process ends. See {@link diesAfter}. */
  dying(calls: number): DyingEngine
  /** The smallest infrastructure of a cluster. */
  wish(cluster: string): InfrastructureWish
  /** The same, changed as it can be while it is in use. */
  changed(cluster: string): InfrastructureWish
  /** Calls so far that changed anything at the cloud. */
  changes(): number
  /** All that the cloud holds of a cluster, by sort and id. */
  holdings(cluster: string): Promise<readonly string[]>
  /** All that the cloud holds of a cluster by sort and name, which are the same for equal infrastructures. */
  names(cluster: string): Promise<readonly string[]>
  /** Makes the cloud hold what a cluster leaves behind: load balancers, volumes and their like; absent when there is no such thing. */
  leaveBehind?(cluster: string): Promise<void>
}

/** A configuration that can never work, and the field that must be named. */
export interface InvalidConfiguration {
  readonly reason: string
  readonly configuration: unknown
  readonly field: string
}

/**
 * Makes every function of what is wrapped die after so many changes by all of them. Functions that `isReading` knows by name do not count:
 * to die after a question is to die after the change before it.
 */
export function diesAfter(calls: number, isReading: (name: string) => boolean) {
  let made = 0
  let dead = false
  const die = () => new InvariantError('the process was killed')
  const wrap = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get: (whole, name, receiver) => {
        const value: unknown = Reflect.get(whole, name, receiver)
        if (typeof name === 'symbol' || typeof value !== 'function') return value
        return async (...args: readonly unknown[]) => {
          if (dead) throw die()
          if (!isReading(name)) made++
          const isLast = made === calls && !isReading(name)
          const answer: unknown = await Reflect.apply(value, whole, args)
          if (isLast) dead = true
          if (dead) throw die()
          return answer
        }
      },
    })
  return { wrap, isDead: () => dead }
}

type With = (work: (harness: InfrastructureHarness) => Promise<void>) => () => Promise<void>

/** Longest that a law may take which kills the engine again and again. */
const longMilliseconds = 900_000

/** Runs the law of engines of infrastructure against one engine. */
export function describeInfrastructure(
  name: string,
  open: () => Promise<InfrastructureHarness>,
  invalid: readonly InvalidConfiguration[],
): void {
  const withHarness: With = (work) => async () => {
    await using harness = await open()
    await work(harness)
  }
  describe(`${name} keeps the law of engines of infrastructure`, () => {
    describeMaking(withHarness)
    describeChanges(withHarness)
    describeCrashes(withHarness)
    describeDestruction(withHarness)
    describeRefusals(withHarness, invalid)
  })
}

/** A request with a memory for its state. */
function track(wish: InfrastructureWish, state: InfrastructureState = {}, isDead: () => boolean = () => false) {
  let saved = state
  return {
    state: () => saved,
    request: (): InfrastructureRequest => ({
      ...wish,
      state: saved,
      save: async (next) => {
        if (isDead()) throw new InvariantError('the process was killed')
        saved = next
      },
      signal: new AbortController().signal,
      note: () => {},
    }),
  }
}

function describeMaking(withHarness: With): void {
  it(
    'makes what is wanted, says what machines need, and remembers identifiers alone',
    withHarness(async (harness) => {
      const wish = harness.wish('one')
      const shoot = track(wish)
      const outputs = await harness.engine.apply(shoot.request())
      expect(Object.keys(outputs).length).toBeGreaterThan(0)
      expect(Object.values(outputs).every((value) => value !== '')).toBe(true)
      expect(await harness.holdings('one')).not.toEqual([])
      const text = JSON.stringify([shoot.state(), outputs])
      for (const value of Object.values(wish.secret)) expect(text).not.toContain(value)
    }),
  )
  it(
    'changes nothing when all is well',
    withHarness(async (harness) => {
      const shoot = track(harness.wish('one'))
      const outputs = await harness.engine.apply(shoot.request())
      const [before, state] = [harness.changes(), shoot.state()]
      expect(await harness.engine.apply(shoot.request())).toEqual(outputs)
      expect(harness.changes() - before).toBe(0)
      expect(shoot.state()).toEqual(state)
    }),
  )
  it(
    'adopts what is there when the state was lost',
    withHarness(async (harness) => {
      const shoot = track(harness.wish('one'))
      const outputs = await harness.engine.apply(shoot.request())
      const [before, holdings] = [harness.changes(), await harness.holdings('one')]
      const forgetful = track(harness.wish('one'))
      expect(await harness.engine.apply(forgetful.request())).toEqual(outputs)
      expect(harness.changes() - before).toBe(0)
      expect(await harness.holdings('one')).toEqual(holdings)
      expect(forgetful.state()).toEqual(shoot.state())
    }),
  )
}

function describeChanges(withHarness: With): void {
  it(
    'plans to create everything when there is nothing, and does not do it',
    withHarness(async (harness) => {
      const shoot = track(harness.wish('one'))
      const plan = await harness.engine.plan(shoot.request())
      expect(plan.length).toBeGreaterThan(0)
      expect(plan.every(({ action }) => action === 'create')).toBe(true)
      expect(harness.changes()).toBe(0)
      expect(shoot.state()).toEqual({})
      expect(await harness.holdings('one')).toEqual([])
    }),
  )
  it(
    'plans a change, makes it, and then plans none, there and back',
    withHarness(async (harness) => {
      const shoot = track(harness.wish('one'))
      await harness.engine.apply(shoot.request())
      const names = await harness.names('one')
      for (const wish of [harness.changed('one'), harness.wish('one')]) {
        const next = track(wish, shoot.state())
        expect(await harness.engine.plan(next.request())).not.toEqual([])
        await harness.engine.apply(next.request())
        expect(await harness.engine.plan(next.request())).toEqual([])
      }
      expect(await harness.names('one')).toEqual(names)
    }),
  )
}

function describeCrashes(withHarness: With): void {
  it(
    'comes to the same after a crash at any change, and makes nothing twice',
    withHarness(async (harness) => {
      const whole = track(harness.wish('whole'))
      await harness.engine.apply(whole.request())
      const expected = (await harness.names('whole')).map((one) =>
        one.replaceAll(harness.wish('whole').technicalId, ''),
      )
      for (let calls = 1; ; calls++) {
        const wish = harness.wish(`c${calls}`)
        const { engine, isDead } = harness.dying(calls)
        const shoot = track(wish, {}, isDead)
        const failure = await engine.apply(shoot.request()).catch((error: unknown) => error)
        if (!isDead()) {
          expect(calls, 'the engine never died').toBeGreaterThan(5)
          break
        }
        expect(failure, `call ${calls}`).toBeInstanceOf(Error)
        // Every other time what was saved is lost too.
        const again = track(wish, calls % 2 === 0 ? {} : shoot.state())
        await harness.engine.apply(again.request())
        const names = (await harness.names(`c${calls}`)).map((one) => one.replaceAll(wish.technicalId, ''))
        expect(names, `after a crash at call ${calls}`).toEqual(expected)
        await harness.engine.destroy(again.request())
        expect(await harness.holdings(`c${calls}`), `destroyed after a crash at call ${calls}`).toEqual([])
      }
    }),
    longMilliseconds,
  )
  it(
    'takes everything down after a crash at any change of doing so',
    withHarness(async (harness) => {
      for (let calls = 1; ; calls++) {
        const wish = harness.wish(`d${calls}`)
        const shoot = track(wish)
        await harness.engine.apply(shoot.request())
        const { engine, isDead } = harness.dying(calls)
        const dying = track(wish, shoot.state(), isDead)
        await engine.destroy(dying.request()).catch((error: unknown) => error)
        await harness.engine.destroy(track(wish, calls % 2 === 0 ? {} : dying.state()).request())
        expect(await harness.holdings(`d${calls}`), `after a crash at call ${calls}`).toEqual([])
        if (isDead()) continue
        expect(calls, 'the engine never died').toBeGreaterThan(5)
        break
      }
    }),
    longMilliseconds,
  )
}

function describeDestruction(withHarness: With): void {
  it(
    'takes down everything, and repeats are harmless, with and without a state',
    withHarness(async (harness) => {
      const shoot = track(harness.wish('one'))
      await harness.engine.destroy(shoot.request())
      await harness.engine.apply(shoot.request())
      const old = shoot.state()
      await harness.engine.destroy(shoot.request())
      expect(await harness.holdings('one')).toEqual([])
      expect(shoot.state()).toEqual({})
      for (const state of [{}, old]) await harness.engine.destroy(track(harness.wish('one'), state).request())
    }),
  )
  it(
    'takes down what the cluster left, and nothing of another cluster',
    withHarness(async (harness) => {
      const [one, two] = [track(harness.wish('one')), track(harness.wish('two'))]
      await harness.engine.apply(one.request())
      await harness.engine.apply(two.request())
      await harness.leaveBehind?.('one')
      await harness.leaveBehind?.('two')
      const others = await harness.holdings('two')
      await harness.engine.destroy(one.request())
      expect(await harness.holdings('one')).toEqual([])
      expect(await harness.holdings('two')).toEqual(others)
    }),
  )
}

function describeRefusals(withHarness: With, invalid: readonly InvalidConfiguration[]): void {
  it.each(invalid)('refuses $reason and names $field', async ({ configuration, field }) => {
    await withHarness(async (harness) => {
      const wish = { ...harness.wish('one'), configuration }
      for (const method of ['apply', 'plan'] as const) {
        const failure = await harness.engine[method](track(wish).request()).catch((error: unknown) => error)
        expect(isFailure(failure, 'Invalid'), describeError(failure)).toBe(true)
        expect(failure).toMatchObject({ field })
      }
      expect(harness.changes()).toBe(0)
    })()
  })
  it(
    'ends early when it is told to',
    withHarness(async (harness) => {
      const signal = AbortSignal.abort(new Failure('Unavailable', 'stopped by the test'))
      const request = { ...track(harness.wish('one')).request(), signal }
      const failure = await harness.engine.apply(request).catch((error: unknown) => error)
      expect(failure).toBe(signal.reason)
      expect(harness.changes()).toBe(0)
    }),
  )
}
