import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { InfrastructureEngine, InfrastructureRequest, InfrastructureState } from '../src/infrastructure/engine.ts'

/** What a test says of a shoot's infrastructure; the rest is the harness's. */
export type InfrastructureWish = Partial<Pick<InfrastructureRequest, 'technicalId' | 'configuration' | 'state'>>

/** An engine in front of a cloud that holds nothing yet. */
export interface InfrastructureHarness extends AsyncDisposable {
  readonly engine: InfrastructureEngine
  /** A request for the shoot `shoot--test--one` unless told otherwise. */
  request(wish?: InfrastructureWish): InfrastructureRequest
  /** What was saved last, by technical id. */
  saved(technicalId?: string): InfrastructureState
  /** Everything that the cloud holds, as texts that tell it apart and show its fields. */
  things(): readonly string[]
  /** How often the cloud was called, and how often to change something. */
  calls(): { readonly all: number; readonly changing: number }
  /** Breaks the connection for good at the n-th call from now, before or after the cloud acts; undefined mends it. */
  breakAt(call: number | undefined, when?: 'before' | 'after'): void
  /** A valid configuration that differs from the usual one in what can be changed, and one that cannot be reached from there. */
  readonly changed: unknown
  readonly impossible: { readonly configuration: unknown; readonly field: string }
  /** Makes what a cluster of that shoot may leave behind. */
  leaveByCluster(technicalId?: string): void
}

/** A run for each call of the cloud: hundreds, on a host that may be busy. */
const manyRunsMilliseconds = 300_000

const one = 'shoot--test--one'
const two = 'shoot--test--two'

/** Runs the laws of infrastructure engines against one engine. */
export function describeInfrastructure(name: string, open: () => Promise<InfrastructureHarness>): void {
  const withHarness = (work: (harness: InfrastructureHarness) => Promise<void>) => async () => {
    await using harness = await open()
    await work(harness)
  }
  describe(`${name} keeps the laws of infrastructure`, () => {
    it('makes, does nothing when repeated, and takes all down', withHarness(makeRepeatDestroy))
    it('says beforehand what it would do, and changes nothing by that', withHarness(planOnly))
    it('adopts what it made when its state was lost', withHarness(adopt))
    it('changes what differs', withHarness(update))
    it('refuses what cannot be reached, and names the field', withHarness(refuse))
    it('takes down what the cluster left, and nothing of another cluster', withHarness(destroyLeft))
    it('saves each thing before it makes the next that needs it', withHarness(saveEach))
    it.each(['before', 'after'] as const)(
      'goes on from a crash %s any call, and makes nothing twice',
      (when) => withHarness((harness) => crashEverywhere(harness, when))(),
      manyRunsMilliseconds,
    )
    it('ends early when it is told to', withHarness(abort))
  })
}

async function makeRepeatDestroy(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness
  const outputs = await engine.apply(harness.request())
  expect(Object.values(outputs).every((value) => value !== '')).toBe(true)
  const made = harness.things()
  expect(made.length).toBeGreaterThan(0)
  const before = harness.calls().changing
  expect(await engine.apply(harness.request({ state: harness.saved() }))).toEqual(outputs)
  expect(harness.calls().changing).toBe(before)
  expect(harness.things()).toEqual(made)
  await engine.destroy(harness.request({ state: harness.saved() }))
  expect(harness.things()).toEqual([])
  expect(harness.saved()).toEqual({})
  await engine.destroy(harness.request({ state: harness.saved() }))
}

async function planOnly(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness
  const planned = await engine.plan(harness.request())
  expect(planned.length).toBeGreaterThan(0)
  expect(planned.every(({ action }) => action === 'create')).toBe(true)
  expect(harness.calls().changing).toBe(0)
  await engine.apply(harness.request())
  expect(Object.keys(harness.saved()).sort()).toEqual(planned.map(({ what }) => what).sort())
  expect(await engine.plan(harness.request({ state: harness.saved() }))).toEqual([])
}

async function adopt(harness: InfrastructureHarness): Promise<void> {
  const outputs = await harness.engine.apply(harness.request())
  const [made, state, { changing }] = [harness.things(), harness.saved(), harness.calls()]
  expect(await harness.engine.apply(harness.request({ state: {} }))).toEqual(outputs)
  expect(harness.things()).toEqual(made)
  expect(harness.saved()).toEqual(state)
  expect(harness.calls().changing).toBe(changing)
  await harness.engine.destroy(harness.request({ state: {} }))
  expect(harness.things()).toEqual([])
}

async function update(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness
  await engine.apply(harness.request())
  const before = harness.things()
  const changed = () => harness.request({ configuration: harness.changed, state: harness.saved() })
  const planned = await engine.plan(changed())
  expect(planned.length).toBeGreaterThan(0)
  await engine.apply(changed())
  expect(harness.things()).not.toEqual(before)
  expect(await engine.plan(changed())).toEqual([])
  await engine.destroy(changed())
  expect(harness.things()).toEqual([])
}

async function refuse(harness: InfrastructureHarness): Promise<void> {
  await harness.engine.apply(harness.request())
  const made = harness.things()
  const { configuration, field } = harness.impossible
  const request = harness.request({ configuration, state: harness.saved() })
  await expect(harness.engine.apply(request)).rejects.toMatchObject({ kind: 'Invalid', field })
  expect(harness.things()).toEqual(made)
}

async function destroyLeft(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness
  await engine.apply(harness.request({ technicalId: two }))
  harness.leaveByCluster(two)
  const foreign = harness.things()
  await engine.apply(harness.request())
  harness.leaveByCluster(one)
  expect(harness.things().length).toBeGreaterThan(foreign.length)
  await engine.destroy(harness.request({ state: harness.saved() }))
  expect(harness.things()).toEqual(foreign)
}

async function saveEach(harness: InfrastructureHarness): Promise<void> {
  const seen: number[] = []
  const request = harness.request()
  await harness.engine.apply({
    ...request,
    save: async (state) => {
      seen.push(Object.keys(state).length)
      await request.save(state)
    },
  })
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen.length).toBe(Object.keys(harness.saved()).length)
}

async function crashEverywhere(harness: InfrastructureHarness, when: 'before' | 'after'): Promise<void> {
  const { engine } = harness
  await engine.apply(harness.request())
  const whole = harness.things().length
  const applying = harness.calls().all
  await engine.destroy(harness.request({ state: harness.saved() }))
  const destroying = harness.calls().all - applying
  for (let call = 1; call <= applying; call++) {
    await crash(harness, { call, when }, () => engine.apply(harness.request({ state: harness.saved() })))
    await engine.apply(harness.request({ state: harness.saved() }))
    expect(harness.things()).toHaveLength(whole)
    await engine.destroy(harness.request({ state: harness.saved() }))
    expect(harness.things()).toEqual([])
  }
  for (let call = 1; call <= destroying; call++) {
    await engine.apply(harness.request({ state: harness.saved() }))
    await crash(harness, { call, when }, () => engine.destroy(harness.request({ state: harness.saved() })))
    await engine.destroy(harness.request({ state: harness.saved() }))
    expect(harness.things()).toEqual([])
  }
}

async function crash(
  harness: InfrastructureHarness,
  { call, when }: { readonly call: number; readonly when: 'before' | 'after' },
  work: () => Promise<unknown>,
): Promise<void> {
  harness.breakAt(call, when)
  // The last calls may be fewer this time: then there is nothing to break.
  await work().catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error
  })
  harness.breakAt(undefined)
}

async function abort(harness: InfrastructureHarness): Promise<void> {
  const reason = new Failure('Unavailable', 'stopped by the test')
  const request = { ...harness.request(), signal: AbortSignal.abort(reason) }
  await expect(harness.engine.apply(request)).rejects.toBe(reason)
  expect(harness.things()).toEqual([])
}
