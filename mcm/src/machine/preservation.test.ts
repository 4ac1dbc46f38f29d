import type { Node } from '@trellis/api/core/node'
import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { mergePatch, strategicPatch } from '@trellis/kubernetes/testing/patches'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, nodeThat, observationOf } from '../../testing/objects.ts'
import { nodePatch } from './node-template.ts'
import { statusWith } from './phase.ts'
import { decidePreservation, drainMark, type PreservationDecision, preserveValueOf } from './preservation.ts'

const preserve = 'node.machine.sapcloud.io/preserve'
const noted = 'node.machine.sapcloud.io/last-applied-node-preserve-value'
const disabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
const byUs = 'cluster-autoscaler.kubernetes.io/scale-down-disabled-by-mcm'
const drained = 'node.machine.sapcloud.io/drained-for-preservation'
const taint = { key: 'node.machine.sapcloud.io/preserved', effect: 'NoSchedule' }
const hours = 3_600_000
type Annotations = Record<string, string>
const end = at(96 * 3600)
const own = { 'node.gardener.cloud/machine-name': 'machine-a' }

function machine(phase: MachinePhase, annotations: Record<string, string> = {}, expiry?: string): Machine {
  const currentStatus = {
    phase,
    lastUpdateTime: at(0),
    ...(expiry === undefined ? {} : { preserveExpiryTime: expiry }),
  }
  const labels = { node: 'machine-a', name: 'pool' }
  return launched(phase, { metadata: { labels, annotations }, status: { currentStatus } })
}

function node(annotations: Record<string, string> = {}, changes: Partial<Node> = {}): Node {
  return nodeThat('True', {
    metadata: { name: 'machine-a', resourceVersion: '1', labels: own, annotations, creationTimestamp: at(0) },
    ...changes,
  })
}

const states = (status: 'True' | 'False', reason: string) => ({
  conditions: [{ type: 'Preserved', status, reason, message: `The machine is preserved until ${end}` }],
})

const decide = (one: Machine, its: Node | undefined, now = epoch) =>
  decidePreservation(observationOf(one, { node: its }), now)

describe('decidePreservation', () => {
  it.each([
    { reason: 'nothing asked for', one: machine('Running'), its: node() },
    { reason: 'a failed machine of which nothing is asked', one: machine('Failed'), its: node() },
    {
      reason: 'a text that means nothing',
      one: machine('Running', { [preserve]: 'maybe' }),
      its: node({ [preserve]: '' }),
    },
    { reason: 'when-failed, and well', one: machine('Running', { [preserve]: 'when-failed' }), its: node() },
    { reason: 'never', one: machine('Failed', { [preserve]: 'false' }), its: undefined },
    { reason: 'somebody else’s wish about the autoscaler', one: machine('Running'), its: node({ [disabled]: 'true' }) },
    {
      reason: 'the marks of a rollout',
      one: machine('Running'),
      its: node({ [disabled]: 'true', [byUs]: 'true' }),
    },
  ])('has nothing to do: $reason', ({ one, its }) => {
    expect(decide(one, its)).toEqual({ drain: false })
  })

  it.each([
    { phase: 'Running', value: 'now', expiry: end },
    { phase: 'Unknown', value: 'now', expiry: end },
    { phase: 'Failed', value: 'now', expiry: end },
    { phase: 'Unknown', value: 'when-failed', expiry: undefined },
    { phase: 'Failed', value: 'when-failed', expiry: end },
    { phase: 'Failed', value: 'auto-preserved', expiry: end },
    { phase: 'Failed', value: 'false', expiry: undefined },
  ] as const)('$value in phase $phase', ({ phase, value, expiry }) => {
    expect(decide(machine(phase, { [preserve]: value }), undefined).expiry).toBe(expiry)
    expect(decide(machine(phase), node({ [preserve]: value })).expiry).toBe(expiry)
  })

  it('keeps the autoscaler away from a node, and says so', () => {
    const decision = decide(machine('Running', { [preserve]: 'now' }, end), node())
    expect(decision).toEqual({
      drain: false,
      nextAt: epoch + 96 * hours,
      wishes: { annotations: { [disabled]: 'true', [byUs]: 'true' }, untaint: [taint] },
      condition: {
        type: 'Preserved',
        status: 'True',
        reason: 'PreservedByUser',
        message: `The machine is preserved until ${end}`,
      },
    })
  })

  it('does not claim what somebody else said to the autoscaler', () => {
    const { wishes } = decide(machine('Running', { [preserve]: 'now' }, end), node({ [disabled]: 'true' }))
    expect(wishes?.annotations).toEqual({})
  })

  it('keeps pods off a failed machine and moves those that are there, once for each failure', () => {
    const failed = machine('Failed', { [preserve]: 'auto-preserved' }, end)
    const decision = decide(failed, node())
    expect(decision).toMatchObject({
      drain: true,
      wishes: { taints: [taint] },
      condition: { reason: 'PreservedByMCM' },
    })
    expect(decide(failed, node({ [drained]: drainMark(failed) })).drain).toBe(false)
    expect(decide(failed, node({ [drained]: at(-5) })).drain).toBe(true)
    expect(decide(failed, undefined).drain).toBe(false)
  })

  it('is content once everything is as it should be', () => {
    const failed = machine('Failed', { [preserve]: 'when-failed' }, end)
    const kept = node(
      { [disabled]: 'true', [byUs]: 'true', [drained]: drainMark(failed) },
      { spec: { taints: [taint] }, status: states('True', 'PreservedByUser') },
    )
    const { wishes, ...rest } = decide(failed, kept)
    expect(rest).toEqual({ drain: false, nextAt: epoch + 96 * hours })
    expect(nodePatch(failed, synced(failed, kept), wishes)).toBeUndefined()
  })

  it.each([
    { reason: 'that must fail to be preserved', value: 'when-failed', gone: {} },
    { reason: 'that the set preserved', value: 'auto-preserved', gone: { annotations: { [preserve]: null } } },
  ])('ends with the recovery of a machine $reason', ({ value, gone }) => {
    const recovered = machine('Running', { [preserve]: value }, end)
    const kept = node(
      { [disabled]: 'true', [byUs]: 'true', [drained]: at(0) },
      { spec: { taints: [taint], unschedulable: true }, status: states('True', 'PreservedByUser') },
    )
    expect(decide(recovered, kept)).toEqual({
      ...gone,
      expiry: null,
      drain: false,
      wishes: {
        annotations: { [disabled]: null, [byUs]: null, [drained]: null },
        untaint: [taint],
        uncordon: true,
      },
      condition: {
        type: 'Preserved',
        status: 'False',
        reason: 'PreservationStopped',
        message: 'The machine is not preserved',
      },
    })
  })

  it('goes on after a recovery where it was asked for at once, and lets pods in again', () => {
    const recovered = machine('Running', { [preserve]: 'now' }, end)
    const kept = node({}, { spec: { taints: [taint], unschedulable: true } })
    const decision = decide(recovered, kept)
    expect(decision.expiry).toBeUndefined()
    expect(decision.wishes).toMatchObject({ untaint: [taint], uncordon: true })
  })

  it('ends when its time has come, and takes the wish away with it', () => {
    const failed = machine('Failed', { [noted]: 'now' }, end)
    const kept = node({ [preserve]: 'now' }, { status: states('True', 'PreservedByUser') })
    const late = epoch + 96 * hours
    expect(decide(failed, kept, late - 1)).not.toHaveProperty('expiry')
    expect(decide(failed, kept, late)).toMatchObject({
      expiry: null,
      annotations: { [noted]: null, [preserve]: 'expired' },
      wishes: { annotations: { [preserve]: null } },
      condition: { status: 'False' },
      drain: false,
    })
    const alone = decide(machine('Failed', { [preserve]: 'when-failed' }, end), undefined, late)
    expect(alone).toEqual({ expiry: null, annotations: { [preserve]: 'expired' }, drain: false })
    const well = decide(machine('Running', { [preserve]: 'now' }, end), undefined, late)
    expect(well).toEqual({ expiry: null, annotations: { [preserve]: null }, drain: false })
  })

  it('lets pods in again with its end also while the machine is failed, since that may recover before it is replaced', () => {
    const failed = machine('Failed', { [noted]: 'now' }, end)
    const kept = node({ [preserve]: 'now' }, { spec: { taints: [taint], unschedulable: true } })
    expect(decide(failed, kept, epoch + 96 * hours).wishes).toMatchObject({ untaint: [taint], uncordon: true })
    expect(decide(failed, kept, epoch).wishes).not.toHaveProperty('uncordon')
    const cordonedByHand = node({ [preserve]: 'now' }, { spec: { unschedulable: true } })
    expect(decide(failed, cordonedByHand, epoch + 96 * hours).wishes).not.toHaveProperty('uncordon')
  })

  it('leaves a word that its time is over with a failed machine until that recovers or is preserved anew', () => {
    const over = machine('Failed', { [preserve]: 'expired' })
    expect(decide(over, node())).toEqual({ drain: false })
    expect(decide(machine('Failed', { [preserve]: 'expired' }, end), undefined, epoch + 96 * hours)).toEqual({
      expiry: null,
      drain: false,
    })
    expect(decide(machine('Running', { [preserve]: 'expired' }), node()).annotations).toEqual({ [preserve]: null })
    expect(decide(over, node({ [preserve]: 'now' }))).toMatchObject({
      annotations: { [noted]: 'now', [preserve]: null },
      expiry: expect.any(String),
    })
    const forbidden = machine('Failed', { [preserve]: 'false' }, end)
    expect(decide(forbidden, undefined, epoch + 96 * hours)).not.toHaveProperty('annotations')
  })

  it('goes on while nobody can see the node, whose wish would begin anew', () => {
    const failed = machine('Failed', { [noted]: 'now' }, end)
    const unseen = observationOf(failed, { node: undefined, target: { kind: 'unknown' } })
    expect(decidePreservation(unseen, epoch + 97 * hours)).toEqual({ drain: false, nextAt: Date.parse(end) })
  })

  it('respects an end that an operator set', () => {
    const later = at(1_000_000)
    const decision = decide(machine('Running', { [preserve]: 'now' }, later), node())
    expect(decision).toMatchObject({ nextAt: Date.parse(later) })
    expect(decision).not.toHaveProperty('expiry')
  })

  it.each<{ reason: string; annotations: Annotations; its: Annotations }>([
    { reason: 'removed', annotations: {}, its: {} },
    { reason: 'forbidden', annotations: { [preserve]: 'false' }, its: {} },
    { reason: 'forbidden on the node', annotations: { [noted]: 'false' }, its: { [preserve]: 'false' } },
  ])('ends when the wish is $reason', ({ annotations, its }) => {
    const kept = node(its, { status: states('True', 'PreservedByUser') })
    expect(decide(machine('Failed', annotations, end), kept)).toMatchObject({
      expiry: null,
      condition: { status: 'False' },
    })
  })

  it('lets the node win, notes it on the machine, and sees it taken back', () => {
    const first = decide(machine('Running', { [preserve]: 'when-failed' }), node({ [preserve]: 'now' }))
    expect(first).toMatchObject({ expiry: end, annotations: { [noted]: 'now', [preserve]: null } })
    const second = decide(
      machine('Running', { [noted]: 'now' }, end),
      node({}, { status: states('True', 'PreservedByUser') }),
    )
    expect(second).toMatchObject({ expiry: null, annotations: { [noted]: null } })
    // While the node cannot be seen nothing is concluded from its silence.
    expect(decide(machine('Running', { [noted]: 'now' }, end), undefined)).toEqual({
      drain: false,
      nextAt: Date.parse(end),
    })
  })
})

describe('preserveValueOf', () => {
  it.each<{ annotations: Annotations; value: string | undefined }>([
    { annotations: {}, value: undefined },
    { annotations: { [preserve]: 'when-failed' }, value: 'when-failed' },
    { annotations: { [preserve]: 'when-failed', [noted]: 'false' }, value: 'false' },
    { annotations: { [preserve]: 'Now' }, value: undefined },
  ])('$annotations', ({ annotations, value }) => {
    expect(preserveValueOf(machine('Failed', annotations))).toBe(value)
  })
})

/** The node with all that its machine's template asks for. */
function synced(one: Machine, its: Node): Node {
  return strategicPatch(its, nodePatch(one, its) ?? {}) as Node
}

interface World {
  readonly one: Machine
  readonly its: Node | undefined
  readonly now: number
}

type Part = 'annotations' | 'expiry' | 'wishes' | 'condition' | 'drain'

/** Carries out some parts of a decision, as a process that ends in between would. */
function carryOut({ one, its, now }: World, decision: PreservationDecision, parts: readonly Part[]): World {
  let [after, node_] = [one, its]
  if (parts.includes('wishes') && node_ !== undefined) {
    node_ = strategicPatch(node_, nodePatch(one, node_, decision.wishes) ?? {}) as Node
  }
  if (parts.includes('condition') && node_ !== undefined && decision.condition !== undefined) {
    node_ = strategicPatch(node_, { status: { conditions: [decision.condition] } }) as Node
  }
  if (parts.includes('drain') && node_ !== undefined && decision.drain) {
    node_ = mergePatch(node_, { metadata: { annotations: { [drained]: drainMark(one) } } }) as Node
  }
  if (parts.includes('annotations') && decision.annotations !== undefined) {
    after = mergePatch(after, { metadata: { annotations: decision.annotations } }) as Machine
  }
  if (parts.includes('expiry') && decision.expiry !== undefined) {
    const status = statusWith(after, { preserveExpiryTime: decision.expiry }, now)
    if (status !== undefined) after = { ...after, status }
  }
  return { one: after, its: node_, now }
}

/** The order in which parts are written. */
function order({ expiry, condition }: PreservationDecision): readonly Part[] {
  if (typeof expiry === 'string') return ['expiry']
  return condition?.status === 'True'
    ? ['condition', 'wishes', 'annotations', 'drain']
    : ['wishes', 'condition', 'annotations', 'drain', 'expiry']
}

function step(world: World, writes: number): World {
  const decision = decide(world.one, world.its, world.now)
  return carryOut(world, decision, order(decision).slice(0, writes))
}

const wish = fc.constantFrom(undefined, 'now', 'when-failed', 'auto-preserved', 'false', '')
const happening = fc.oneof(
  fc.record({ kind: fc.constant('machine' as const), value: wish }),
  fc.record({ kind: fc.constant('node' as const), value: wish }),
  fc.record({
    kind: fc.constant('phase' as const),
    phase: fc.constantFrom<MachinePhase>('Running', 'Unknown', 'Failed'),
  }),
  fc.record({ kind: fc.constant('time' as const), hours: fc.constantFrom(1, 50, 97) }),
  fc.record({ kind: fc.constant('step' as const), writes: fc.integer({ min: 1, max: 4 }) }),
)

function happen(world: World, event: typeof happening extends fc.Arbitrary<infer Event> ? Event : never): World {
  const { one, its, now } = world
  const annotated = <Kind>(object: Kind, value: string | undefined) =>
    mergePatch(object, { metadata: { annotations: { [preserve]: value ?? null } } }) as Kind
  switch (event.kind) {
    case 'machine':
      return { ...world, one: annotated(one, event.value) }
    case 'node':
      return { ...world, its: its && annotated(its, event.value) }
    case 'time':
      return { ...world, now: now + event.hours * hours }
    case 'phase': {
      const status = statusWith(one, { phase: event.phase }, now)
      return status === undefined ? world : { ...world, one: { ...one, status } }
    }
    case 'step':
      return step(world, event.writes)
  }
}

describe('preservation, whatever happens and wherever a process ends', () => {
  it('settles, with the node as the machine says', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 12 }), fc.boolean(), (events, hasNode) => {
        let world: World = { one: machine('Running'), its: hasNode ? node() : undefined, now: epoch }
        for (const event of events) world = happen(world, event)
        for (let passes = 0; passes < 6; passes++) {
          world = step(world, 5)
        }
        const { wishes, ...rest } = decide(world.one, world.its, world.now)
        expect(rest).toEqual(rest.nextAt === undefined ? { drain: false } : { drain: false, nextAt: rest.nextAt })
        const preserved = world.one.status?.currentStatus?.preserveExpiryTime !== undefined
        expect(preserved).toBe(rest.nextAt !== undefined)
        if (world.its === undefined) return
        expect(nodePatch(world.one, world.its, wishes)).toBeUndefined()
        const failed = world.one.status?.currentStatus?.phase === 'Failed'
        const annotations = world.its.metadata.annotations ?? {}
        expect(annotations[disabled] === 'true').toBe(preserved)
        expect((world.its.spec?.taints ?? []).length === 1).toBe(preserved && failed)
        expect(annotations[drained] !== undefined).toBe(preserved && failed)
        const stated = world.its.status?.conditions?.find(({ type }) => type === 'Preserved')
        expect(stated?.status === 'True').toBe(preserved)
      }),
      { numRuns: 500 },
    )
  })
})
