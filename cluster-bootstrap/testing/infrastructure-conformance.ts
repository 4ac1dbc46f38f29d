import { describe as describeError, Failure, InvariantError, isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { InfrastructureEngine, InfrastructureRequest, InfrastructureState } from '../src/infrastructure/engine.ts'
import { killed, type Moment } from './dying-process.ts'

/** What a shoot asks for, without what changes from run to run. */
export type InfrastructureWish = Omit<InfrastructureRequest, 'state' | 'save' | 'signal' | 'note'>

/** An engine as one process has it. */
export interface Incarnation {
  readonly engine: InfrastructureEngine
  /** Calls of the cloud so far, without those that change nothing where the harness does not count them. */
  calls(): number
  /** Those of them that change anything. */
  writes(): number
}

/** A cloud that holds nothing of any cluster yet. */
export interface InfrastructureHarness extends AsyncDisposable {
  /** Begins a process. It dies at the call of number `diesAt`, as {@link Incarnation.calls} counts them, on that side of the cloud's act; never when absent. */
  engine(diesAt?: number, when?: Moment): Incarnation
  /** The smallest infrastructure of a cluster. */
  request(cluster: string): InfrastructureWish
  /** The same, changed as it can be while it is in use; absent only of engines that are `fixed`. */
  changed?(cluster: string): InfrastructureWish
  /** All that the cloud holds of a cluster, by sort and id. */
  remains(cluster: string): Promise<readonly string[]>
  /** The same by sort and name: equal for equal infrastructures but for the technical id. Where it is absent, numbers of things are compared. */
  names?(cluster: string): Promise<readonly string[]>
  /** Makes the cloud hold what a cluster leaves behind in its infrastructure, as its controllers would. */
  leaveBehind(cluster: string): Promise<void>
  /** Sides of a call on which this harness can kill; after it unless told. */
  readonly moments?: readonly Moment[]
  /** Crashes are tried at each call that this divides: 1 unless the cloud is slow. */
  readonly crashStride?: number
}

/** A configuration that is refused with the field named: at once, or once there is infrastructure that cannot become like that. */
export interface Refusal {
  readonly reason: string
  readonly configuration: unknown
  readonly field: string
  readonly once?: 'made'
}

/** What of the law differs from engine to engine. */
export interface InfrastructureTraits {
  readonly refusals?: readonly Refusal[]
  /** Nothing of it can be changed, only made and taken down. */
  readonly fixed?: boolean
}

/** Longest that a law may take which kills the engine again and again. */
const longMilliseconds = 900_000

type With = (work: (harness: InfrastructureHarness) => Promise<void>) => () => Promise<void>

/** Runs the law of engines of infrastructure against one engine. */
export function describeInfrastructure(
  name: string,
  open: () => Promise<InfrastructureHarness>,
  { refusals = [], fixed = false }: InfrastructureTraits = {},
): void {
  const withHarness: With = (work) => async () => {
    await using harness = await open()
    await work(harness)
  }
  describe(`${name} keeps the law of infrastructure`, { timeout: longMilliseconds }, () => {
    it('makes what is missing, remembers identifiers alone, and a repeat changes nothing', withHarness(makeAndRepeat))
    it('says beforehand what it would do, and changes nothing by that', withHarness(planOnly))
    it('saves each thing as it is made', withHarness(saveEach))
    it('adopts everything when the state was lost', withHarness(adopt))
    if (!fixed) it('changes what differs and says so before, there and back', withHarness(changeAndBack))
    it('makes nothing twice when it dies at any call', withHarness(dieMaking))
    it('leaves nothing, also when it dies at any call of its destruction', withHarness(dieDestroying))
    it('destroys repeatedly, with an old state and without any', withHarness(destroyRepeatedly))
    it('takes down what the cluster left, and nothing of another cluster', withHarness(leaveOthersAlone))
    it('ends early when it is told to', withHarness(endEarly))
    it.each(refusals)('refuses $reason and names $field', (refusal) =>
      withHarness((harness) => refuse(harness, refusal))(),
    )
  })
}

/** A shoot as its status remembers it. */
interface Subject {
  readonly wish: InfrastructureWish
  state: InfrastructureState
}

function subjectOf(wish: InfrastructureWish): Subject {
  return { wish, state: {} }
}

/** A request whose state is the subject's; a process that is dead saves nothing. */
function ask(subject: Subject, isDead: () => boolean = () => false): InfrastructureRequest {
  return {
    ...subject.wish,
    state: subject.state,
    save: async (state) => {
      if (isDead()) throw killed()
      subject.state = state
    },
    signal: new AbortController().signal,
    note: () => {},
  }
}

/** What a cluster has, told so that the same of another cluster reads the same. */
async function portrait(harness: InfrastructureHarness, cluster: string): Promise<readonly string[] | number> {
  const { technicalId } = harness.request(cluster)
  if (harness.names === undefined) return (await harness.remains(cluster)).length
  return (await harness.names(cluster)).map((one) => one.replaceAll(technicalId, '')).toSorted()
}

async function makeAndRepeat(harness: InfrastructureHarness): Promise<void> {
  const shoot = subjectOf(harness.request('one'))
  const outputs = await harness.engine().engine.apply(ask(shoot))
  expect(Object.keys(outputs).length).toBeGreaterThan(0)
  expect(Object.values(outputs).every((value) => value !== '')).toBe(true)
  const [made, state] = [await harness.remains('one'), shoot.state]
  expect(made.length).toBeGreaterThan(0)
  const text = JSON.stringify([state, outputs])
  for (const value of Object.values(shoot.wish.secret)) expect(text).not.toContain(value)
  const again = harness.engine()
  expect(await again.engine.plan(ask(shoot))).toEqual([])
  expect(await again.engine.apply(ask(shoot))).toEqual(outputs)
  expect(again.writes()).toBe(0)
  expect(shoot.state).toEqual(state)
  expect(await harness.remains('one')).toEqual(made)
}

async function planOnly(harness: InfrastructureHarness): Promise<void> {
  const shoot = subjectOf(harness.request('one'))
  const { engine, writes } = harness.engine()
  const planned = await engine.plan(ask(shoot))
  expect(planned.length).toBeGreaterThan(0)
  expect(planned.every(({ action }) => action === 'create')).toBe(true)
  expect(writes()).toBe(0)
  expect(shoot.state).toEqual({})
  expect(await harness.remains('one')).toEqual([])
}

async function saveEach(harness: InfrastructureHarness): Promise<void> {
  const shoot = subjectOf(harness.request('one'))
  const sizes: number[] = []
  const request = ask(shoot)
  const save = async (state: InfrastructureState) => {
    sizes.push(Object.keys(state).length)
    await request.save(state)
  }
  await harness.engine().engine.apply({ ...request, save })
  const whole = Object.keys(shoot.state).length
  // Things that are made side by side may be saved together.
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
  expect(sizes.length).toBeGreaterThanOrEqual(whole)
  expect(sizes.at(-1)).toBe(whole)
}

async function adopt(harness: InfrastructureHarness): Promise<void> {
  const shoot = subjectOf(harness.request('one'))
  const outputs = await harness.engine().engine.apply(ask(shoot))
  const made = await harness.remains('one')
  const forgetful = subjectOf(harness.request('one'))
  const { engine, writes } = harness.engine()
  expect(await engine.apply(ask(forgetful))).toEqual(outputs)
  expect(writes()).toBe(0)
  expect(forgetful.state).toEqual(shoot.state)
  expect(await harness.remains('one')).toEqual(made)
}

async function changeAndBack(harness: InfrastructureHarness): Promise<void> {
  if (harness.changed === undefined) throw new InvariantError('the harness knows no change')
  const { engine } = harness.engine()
  const shoot = subjectOf(harness.request('one'))
  await engine.apply(ask(shoot))
  const before = await portrait(harness, 'one')
  for (const wish of [harness.changed('one'), harness.request('one')]) {
    const next: Subject = { wish, state: shoot.state }
    expect(await engine.plan(ask(next))).not.toEqual([])
    await engine.apply(ask(next))
    expect(await engine.plan(ask(next))).toEqual([])
    shoot.state = next.state
  }
  expect(await portrait(harness, 'one')).toEqual(before)
}

type Verb = 'apply' | 'destroy'

/** Runs a verb in a process that dies at that call. Resolves with whether it came to that. */
async function dies(
  harness: InfrastructureHarness,
  verb: Verb,
  subject: Subject,
  death: { readonly at: number; readonly when: Moment },
): Promise<boolean> {
  const { engine, calls } = harness.engine(death.at, death.when)
  const isDead = () => calls() >= death.at
  const failure = await engine[verb](ask(subject, isDead)).then(
    () => undefined,
    (error: unknown) => error,
  )
  const isExpected = isFailure(failure) || failure instanceof InvariantError
  if (failure !== undefined && !(isExpected && isDead())) throw failure
  return isDead()
}

/** Kills a verb at each of its calls, each time that of a new cluster; every other time what was saved is lost too. Ends when the verb comes to its end alive. */
async function killEverywhere(
  harness: InfrastructureHarness,
  verb: Verb,
  law: {
    before(subject: Subject, cluster: string): Promise<void>
    after(subject: Subject, cluster: string): Promise<void>
  },
): Promise<void> {
  for (const when of harness.moments ?? (['after'] as const)) {
    let crashes = 0
    for (let at = 1; ; at += harness.crashStride ?? 1) {
      const cluster = `${when}-${at}`
      const shoot = subjectOf(harness.request(cluster))
      await law.before(shoot, cluster)
      const died = await dies(harness, verb, shoot, { at, when })
      if (died && ++crashes % 2 === 0) shoot.state = {}
      await law.after(shoot, cluster)
      if (!died) break
    }
    expect(crashes, `${verb} never died`).toBeGreaterThan(0)
  }
}

async function dieMaking(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness.engine()
  await engine.apply(ask(subjectOf(harness.request('whole'))))
  const whole = await portrait(harness, 'whole')
  await killEverywhere(harness, 'apply', {
    before: async () => {},
    after: async (shoot, cluster) => {
      const next = harness.engine().engine
      await next.apply(ask(shoot))
      expect(await portrait(harness, cluster), `made after a crash: ${cluster}`).toEqual(whole)
      await next.destroy(ask(shoot))
      expect(await harness.remains(cluster), `destroyed after a crash: ${cluster}`).toEqual([])
    },
  })
}

async function dieDestroying(harness: InfrastructureHarness): Promise<void> {
  await killEverywhere(harness, 'destroy', {
    before: async (shoot, cluster) => {
      await harness.engine().engine.apply(ask(shoot))
      await harness.leaveBehind(cluster)
    },
    after: async (shoot, cluster) => {
      await harness.engine().engine.destroy(ask(shoot))
      expect(await harness.remains(cluster), `after a crash: ${cluster}`).toEqual([])
    },
  })
}

async function destroyRepeatedly(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness.engine()
  const shoot = subjectOf(harness.request('one'))
  await engine.destroy(ask(shoot))
  await engine.apply(ask(shoot))
  const old = shoot.state
  await engine.destroy(ask(shoot))
  expect(await harness.remains('one')).toEqual([])
  expect(shoot.state).toEqual({})
  for (const state of [{}, old]) await engine.destroy(ask({ ...shoot, state }))
}

async function leaveOthersAlone(harness: InfrastructureHarness): Promise<void> {
  const { engine } = harness.engine()
  const two = subjectOf(harness.request('two'))
  await engine.apply(ask(subjectOf(harness.request('one'))))
  await engine.apply(ask(two))
  const before = await harness.remains('one')
  for (const cluster of ['one', 'two']) await harness.leaveBehind(cluster)
  expect((await harness.remains('one')).length).toBeGreaterThan(before.length)
  const [theirs, planned] = [await harness.remains('two'), await engine.plan(ask(two))]
  await engine.destroy(ask(subjectOf(harness.request('one'))))
  expect(await harness.remains('one')).toEqual([])
  expect(await harness.remains('two')).toEqual(theirs)
  expect(await engine.plan(ask(two))).toEqual(planned)
}

async function endEarly(harness: InfrastructureHarness): Promise<void> {
  const signal = AbortSignal.abort(new Failure('Unavailable', 'stopped by the test'))
  const { engine, writes } = harness.engine()
  const failure = await engine.apply({ ...ask(subjectOf(harness.request('one'))), signal }).catch((error) => error)
  expect(failure).toBe(signal.reason)
  expect(writes()).toBe(0)
  expect(await harness.remains('one')).toEqual([])
}

async function refuse(harness: InfrastructureHarness, { configuration, field, once }: Refusal): Promise<void> {
  const shoot = subjectOf(harness.request('one'))
  if (once === 'made') await harness.engine().engine.apply(ask(shoot))
  const before = await harness.remains('one')
  const { engine, writes } = harness.engine()
  const request = ask({ wish: { ...shoot.wish, configuration }, state: shoot.state })
  for (const method of once === 'made' ? (['apply'] as const) : (['apply', 'plan'] as const)) {
    const failure = await engine[method](request).catch((error: unknown) => error)
    expect(isFailure(failure, 'Invalid'), describeError(failure)).toBe(true)
    expect(failure).toMatchObject({ field })
  }
  expect(writes()).toBe(0)
  expect(await harness.remains('one')).toEqual(before)
}
