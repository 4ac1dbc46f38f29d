import { Failure, isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { InfrastructureEngine, InfrastructureRequest, InfrastructureState } from '../src/infrastructure/engine.ts'

/** A cloud with an account that holds nothing of the cluster yet. */
export interface InfrastructureHarness extends AsyncDisposable {
  /** An engine whose process dies right after the cloud acted on call number `diesAfter`; one that lives on when absent. */
  engine(diesAfter?: number): { readonly engine: InfrastructureEngine; calls(): number; writes(): number }
  /** A wish for a cluster of that name, without its state. */
  request(cluster: string): Omit<InfrastructureRequest, 'state' | 'save' | 'signal' | 'note'>
  /** The same with something in it that can be changed. */
  changed(cluster: string): Omit<InfrastructureRequest, 'state' | 'save' | 'signal' | 'note'>
  /** Everything of a cluster at the cloud itself, one text for each. */
  remains(cluster: string): Promise<readonly string[]>
  /** Lets a cluster leave something behind in its infrastructure, as its controllers would. */
  leaveBehind(cluster: string): Promise<void>
  /** Crashes are tried after each call that this divides: 1 unless the cloud is slow. */
  readonly crashStride?: number
}

/** Longest that one law may take at a slow cloud. */
const patienceMilliseconds = 900_000

/** A cluster as its Shoot's status remembers it. */
interface Subject {
  readonly cluster: string
  state: InfrastructureState
}

/** Runs the law of infrastructure engines against one engine. */
export function describeInfrastructure(name: string, open: () => Promise<InfrastructureHarness>): void {
  const withHarness = (work: (harness: InfrastructureHarness) => Promise<void>) => async () => {
    await using harness = await open()
    await work(harness)
  }
  describe(`${name} keeps the law of infrastructure`, { timeout: patienceMilliseconds }, () => {
    it(
      'makes what is missing, and a repeat changes nothing',
      withHarness(async (harness) => {
        const subject: Subject = { cluster: 'one', state: {} }
        const { engine, writes } = harness.engine()
        expect(await engine.plan(wish(harness, subject))).not.toEqual([])
        expect(writes()).toBe(0)
        const outputs = await engine.apply(wish(harness, subject))
        const made = await harness.remains('one')
        expect(made.length).toBeGreaterThan(0)
        expect(Object.values(outputs).every((value) => value !== '')).toBe(true)
        const again = harness.engine()
        expect(await again.engine.plan(wish(harness, subject))).toEqual([])
        expect(await again.engine.apply(wish(harness, subject))).toEqual(outputs)
        expect(again.writes()).toBe(0)
        expect(await harness.remains('one')).toEqual(made)
      }),
    )
    it(
      'adopts everything when the state was lost',
      withHarness(async (harness) => {
        const subject: Subject = { cluster: 'one', state: {} }
        const outputs = await harness.engine().engine.apply(wish(harness, subject))
        const made = await harness.remains('one')
        const forgotten: Subject = { cluster: 'one', state: {} }
        const { engine, writes } = harness.engine()
        expect(await engine.apply(wish(harness, forgotten))).toEqual(outputs)
        expect(writes()).toBe(0)
        expect(forgotten.state).toEqual(subject.state)
        expect(await harness.remains('one')).toEqual(made)
      }),
    )
    it(
      'changes what differs and says so before',
      withHarness(async (harness) => {
        const subject: Subject = { cluster: 'one', state: {} }
        const { engine } = harness.engine()
        await engine.apply(wish(harness, subject))
        const changed = { ...wish(harness, subject), ...harness.changed('one') }
        const plan = await engine.plan(changed)
        expect(plan.map(({ action }) => action)).toContain('update')
        await engine.apply(changed)
        expect(await engine.plan(changed)).toEqual([])
        expect(await engine.plan(wish(harness, subject))).not.toEqual([])
      }),
    )
    it(
      'makes nothing twice when it dies after any call',
      withHarness(async (harness) => {
        const whole = await measure(harness)
        for (let call = 1; call < whole.calls; call += harness.crashStride ?? 1) {
          const subject: Subject = { cluster: `c${call}`, state: {} }
          await dies(harness.engine(call).engine.apply(wish(harness, subject)))
          await harness.engine().engine.apply(wish(harness, subject))
          expect((await harness.remains(subject.cluster)).length, `after call ${call}`).toBe(whole.parts)
          await harness.engine().engine.destroy(wish(harness, subject))
        }
      }),
    )
    it(
      'leaves nothing, also when it dies after any call of its destruction, and whatever the cluster left',
      withHarness(async (harness) => {
        const { destruction } = await measure(harness)
        for (let call = 1; call < destruction; call += harness.crashStride ?? 1) {
          const subject: Subject = { cluster: `d${call}`, state: {} }
          await harness.engine().engine.apply(wish(harness, subject))
          await harness.leaveBehind(subject.cluster)
          await dies(harness.engine(call).engine.destroy(wish(harness, subject)))
          await harness.engine().engine.destroy(wish(harness, subject))
          expect(await harness.remains(subject.cluster), `after call ${call}`).toEqual([])
        }
      }),
    )
    it(
      'destroys without a state, repeatedly, and touches nothing of another cluster',
      withHarness(async (harness) => {
        const other: Subject = { cluster: 'two', state: {} }
        const { engine } = harness.engine()
        await engine.apply(wish(harness, other))
        const theirs = await harness.remains('two')
        await engine.apply(wish(harness, { cluster: 'one', state: {} }))
        for (const _ of [1, 2]) await engine.destroy(wish(harness, { cluster: 'one', state: {} }))
        expect(await harness.remains('one')).toEqual([])
        expect(await harness.remains('two')).toEqual(theirs)
        expect(await engine.plan(wish(harness, other))).toEqual([])
      }),
    )
    it(
      'ends early when it is told to',
      withHarness(async (harness) => {
        const signal = AbortSignal.abort(new Failure('Unavailable', 'stopped by the test'))
        const request = { ...wish(harness, { cluster: 'one', state: {} }), signal }
        await expect(harness.engine().engine.apply(request)).rejects.toBe(signal.reason)
        expect(await harness.remains('one')).toEqual([])
      }),
    )
  })
}

function wish(harness: InfrastructureHarness, subject: Subject): InfrastructureRequest {
  return {
    ...harness.request(subject.cluster),
    state: subject.state,
    save: async (state) => {
      subject.state = state
    },
    signal: new AbortController().signal,
    note: () => {},
  }
}

/** Number of calls that making and destroying one takes, and of parts that it has. */
async function measure(harness: InfrastructureHarness) {
  const subject: Subject = { cluster: 'measured', state: {} }
  const making = harness.engine()
  await making.engine.apply(wish(harness, subject))
  const parts = (await harness.remains('measured')).length
  const destroying = harness.engine()
  await destroying.engine.destroy(wish(harness, subject))
  expect(await harness.remains('measured')).toEqual([])
  return { calls: making.calls(), parts, destruction: destroying.calls() }
}

async function dies(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error !== undefined && !isFailure(error)) throw error
}
