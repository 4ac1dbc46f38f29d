import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, machineIn, ownedBy, setOf } from '../../testing/objects.ts'
import { decideMachineSet, type MachineSetAction } from './decide.ts'
import { createExpectations } from './expectations.ts'
import { deletionOrder } from './order.ts'
import { machineSetStatus } from './status.ts'
import { livingPatch, machineOf, replacement } from './template.ts'

const priority = 'machinepriority.machine.sapcloud.io'
const marked = 'machine.sapcloud.io/marked-for-deletion-time'
const scaledAt = 'machine.sapcloud.io/last-deployment-replica-change-by-scaler-time'

function member(name: string, phase: MachinePhase = 'Running', metadata: Partial<Machine['metadata']> = {}): Machine {
  return ownedBy(
    setOf(0),
    launched(phase, { metadata: { name, uid: `uid-${name}`, labels: { node: name }, ...metadata } }),
  )
}

function text(action: MachineSetAction): string {
  if (action.kind === 'create') return `create ${action.count}`
  return 'machine' in action ? `${action.kind} ${action.machine.metadata.name}` : action.kind
}

function actions(
  set = setOf(0),
  candidates: readonly Machine[] = [],
  countable = true,
  now = epoch,
): readonly string[] {
  return decideMachineSet({ set, candidates, countable, now }).actions.map(text)
}

describe('deletionOrder', () => {
  it('takes priority, mark, phase and age into account, in this order', () => {
    const machines = [
      member('running-young', 'Running', { creationTimestamp: at(60) }),
      member('running-old'),
      member('pending', 'Pending'),
      member('unknown', 'Unknown'),
      member('crashing', 'CrashLoopBackOff'),
      member('failed', 'Failed'),
      member('chosen-later', 'Running', { annotations: { [priority]: '1', [marked]: at(20) } }),
      member('chosen-first', 'Running', { annotations: { [priority]: '1', [marked]: at(10) } }),
      member('precious', 'Failed', { annotations: { [priority]: '5' } }),
      member('odd', 'Terminating', { annotations: { [priority]: 'x' } }),
    ]
    expect(deletionOrder(machines).map(({ metadata }) => metadata.name)).toEqual([
      'chosen-first',
      'chosen-later',
      'odd',
      'failed',
      'crashing',
      'unknown',
      'pending',
      'running-old',
      'running-young',
      'precious',
    ])
  })

  it('is the same however the machines come', () => {
    const machines = ['a', 'b', 'c', 'd'].map((name) => member(name, name < 'c' ? 'Running' : 'Pending'))
    const wanted = deletionOrder(machines)
    fc.assert(
      fc.property(fc.shuffledSubarray(machines, { minLength: 4 }), (shuffled) => {
        expect(deletionOrder(shuffled)).toEqual(wanted)
      }),
    )
  })
})

describe('decideMachineSet', () => {
  it.each([
    { reason: 'too few', replicas: 3, machines: [member('a')], wanted: ['create 2'] },
    { reason: 'enough', replicas: 1, machines: [member('a')], wanted: [] },
    {
      reason: 'too many: the newest joins last goes first',
      replicas: 1,
      machines: [member('a'), member('b', 'Pending')],
      wanted: ['delete b'],
    },
    {
      reason: 'a failed one is replaced in the same pass',
      replicas: 1,
      machines: [member('a', 'Failed')],
      wanted: ['delete a', 'create 1'],
    },
    {
      reason: 'one that is going does not count',
      replicas: 1,
      machines: [member('a', 'Terminating', { deletionTimestamp: at(0) })],
      wanted: ['create 1'],
    },
    {
      reason: 'nobody deletes twice',
      replicas: 0,
      machines: [member('a', 'Running', { deletionTimestamp: at(0) })],
      wanted: [],
    },
    { reason: 'one that waits for quota counts', replicas: 1, machines: [member('a', 'CrashLoopBackOff')], wanted: [] },
  ])('$reason', ({ replicas, machines, wanted }) => {
    expect(actions(setOf(replicas), machines)).toEqual(wanted)
  })

  it('deletes what the autoscaler chose before it scaled, and only that', () => {
    const chosen = { annotations: { [priority]: '1', [marked]: at(10) } }
    const machines = [member('a', 'Running', chosen), member('b')]
    expect(actions(setOf(1, { metadata: { annotations: { [scaledAt]: at(10) } } }), machines)).toEqual(['delete a'])
    expect(actions(setOf(2, { metadata: { annotations: { [scaledAt]: at(9) } } }), machines)).toEqual([])
  })

  it('replaces what the autoscaler chose only when the set stays as large as it is', () => {
    const chosen = { annotations: { [priority]: '1', [marked]: at(10) } }
    const machines = [member('a', 'Running', chosen), member('b')]
    const told = setOf(2, { metadata: { annotations: { [scaledAt]: at(10) } } })
    const decide = (now: number) => decideMachineSet({ set: told, candidates: machines, countable: true, now })
    expect(decide(epoch + 19_999)).toMatchObject({ actions: [], replaceChosenAt: epoch + 20_000 })
    expect(decide(epoch + 20_000).actions.map(text)).toEqual(['delete a', 'create 1'])
  })

  it.each([
    { spec: { selector: {} }, says: 'spec.selector must select something' },
    {
      spec: { selector: { matchLabels: { pool: 'b' } } },
      says: 'spec.template.metadata.labels must fit spec.selector',
    },
    { spec: { replicas: -1 }, says: 'spec.replicas must not be negative' },
    { spec: { template: { spec: {} } }, says: 'spec.template.spec.class.kind must be set' },
  ])('does nothing and says that $says', ({ spec, says }) => {
    const decision = decideMachineSet({
      set: setOf(2, { spec }),
      candidates: [member('a')],
      countable: true,
      now: epoch,
    })
    expect(decision).toMatchObject({ actions: [], invalid: { reason: 'InvalidSpec', message: says } })
    expect(decision.owned).toHaveLength(1)
  })

  it('makes nothing while it is frozen or updated in place', () => {
    expect(actions(setOf(1, { metadata: { labels: { freeze: 'True' } } }))).toEqual([])
    expect(
      actions(setOf(1, { metadata: { labels: { 'node.machine.sapcloud.io/scale-up-disabled': 'true' } } })),
    ).toEqual([])
  })

  it('counts nothing while it waits to see what it did', () => {
    expect(actions(setOf(5), [], false)).toEqual([])
  })

  it('adopts and lets go before it counts', () => {
    const orphan = machineIn('Running', { metadata: { name: 'orphan', labels: { pool: 'a' } } })
    const lost = member('lost', 'Running', { labels: { pool: 'b' } })
    expect(actions(setOf(5), [orphan, lost])).toEqual(['adopt orphan', 'release lost'])
  })

  it('protects itself before it makes anything', () => {
    expect(actions(setOf(5, { metadata: { finalizers: [] } }))).toEqual(['add-finalizer'])
  })

  it('takes its machines with it when it is deleted, and goes last', () => {
    const going = setOf(2, { metadata: { deletionTimestamp: at(0) } })
    expect(actions(going, [member('a'), member('b', 'Running', { deletionTimestamp: at(0) })])).toEqual(['delete a'])
    expect(actions(going, [])).toEqual(['remove-finalizer'])
  })

  it('never ends a pass with another number of machines than wanted', () => {
    const shape = fc.record({
      phase: fc.constantFrom<MachinePhase>('', 'Pending', 'Running', 'Unknown', 'Failed', 'CrashLoopBackOff'),
      going: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.array(shape, { maxLength: 20 }), (replicas, shapes) => {
        const machines = shapes.map(({ phase, going }, index) =>
          member(`m${index}`, phase, going ? { deletionTimestamp: at(0) } : {}),
        )
        const decided = decideMachineSet({
          set: setOf(replicas),
          candidates: machines,
          countable: true,
          now: epoch,
        }).actions
        const deleted = decided.filter((action) => action.kind === 'delete').map(({ machine }) => machine)
        const created = decided.reduce((sum, action) => sum + (action.kind === 'create' ? action.count : 0), 0)
        const present = machines.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        expect(new Set(deleted).size).toBe(deleted.length)
        expect(deleted.every((machine) => present.includes(machine))).toBe(true)
        expect(present.length - deleted.length + created).toBe(replicas)
        for (const machine of present.filter(({ status }) => status?.currentStatus?.phase === 'Failed'))
          expect(deleted).toContain(machine)
      }),
    )
  })
})

describe('the template', () => {
  const set = setOf(1, {
    metadata: { annotations: { 'node.machine.sapcloud.io/effective-creation-timeout': '9m' } },
    spec: {
      template: {
        metadata: { labels: { pool: 'a' }, annotations: { x: '1' } },
        spec: { class: { name: 'small' }, drainTimeout: '5m' },
      },
    },
  })

  it('makes machines that are protected and owned from their first instant', () => {
    expect(machineOf(set, 'abcde')).toEqual({
      apiVersion: 'machine.sapcloud.io/v1alpha1',
      kind: 'Machine',
      metadata: {
        name: 'set-abcde',
        namespace: 'ns',
        labels: { pool: 'a' },
        annotations: { x: '1', [priority]: '3', 'node.machine.sapcloud.io/effective-creation-timeout': '9m' },
        finalizers: ['machine.sapcloud.io/machine-controller-manager'],
        ownerReferences: [
          {
            apiVersion: 'machine.sapcloud.io/v1alpha1',
            kind: 'MachineSet',
            name: 'set',
            uid: 'uid-set',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: { class: { name: 'small' }, drainTimeout: '5m' },
    })
  })

  it('keeps names short enough for a host name', () => {
    const long = setOf(1, { metadata: { name: 'x'.repeat(80) } })
    expect(machineOf(long, 'abcde').metadata.name).toHaveLength(63)
  })

  it('changes living machines in all that needs no new server', () => {
    const machine = machineOf(set, 'abcde')
    expect(livingPatch(set, machine)).toBeUndefined()
    const changed = setOf(1, {
      spec: {
        template: {
          spec: { class: { name: 'large' }, healthTimeout: '1m', nodeTemplate: { metadata: { labels: { a: '1' } } } },
        },
      },
    })
    expect(livingPatch(changed, machine)).toEqual({
      metadata: { annotations: { 'node.machine.sapcloud.io/effective-creation-timeout': null } },
      spec: { drainTimeout: null, healthTimeout: '1m', nodeTemplate: { metadata: { labels: { a: '1' } } } },
    })
  })

  it('makes merge patches that lead from one value to the other', () => {
    const json = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(fc.integer(), fc.dictionary(fc.constantFrom('x', 'y'), fc.integer()), fc.array(fc.integer())),
    )
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(merge(before, replacement(before, after))).toEqual(after)
      }),
    )
  })
})

describe('expectations', () => {
  it('hold until what was done is seen', () => {
    const clock = createVirtualClock()
    const expectations = createExpectations(clock)
    expectations.created('set', 'a')
    expectations.deleted('set', 'b')
    expect(expectations.outstandingMilliseconds('set')).toBe(300_000)
    expect(expectations.outstandingMilliseconds('other')).toBe(0)
    expectations.seen('a', 'present')
    expectations.seen('b', 'present')
    expect(expectations.outstandingMilliseconds('set')).toBeGreaterThan(0)
    expectations.seen('b', 'leaving')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
  })

  it('count what nobody sees yet, made or about to be', () => {
    const expectations = createExpectations(createVirtualClock())
    expectations.planned('set', 3)
    expect([expectations.coming('set'), expectations.coming('other')]).toEqual([3, 0])
    expectations.created('set', 'a')
    expectations.planned('set', 2)
    expectations.deleted('set', 'b')
    expect(expectations.coming('set')).toBe(3)
    expectations.seen('a', 'present')
    expect(expectations.coming('set')).toBe(2)
    expectations.created('set', 'c')
    expectations.planned('set', 0)
    expect(expectations.coming('set')).toBe(1)
    expectations.forget('set')
    expect(expectations.coming('set')).toBe(0)
  })

  it('ask again for what was asked for in vain, unless it is there when the set is counted', () => {
    const expectations = createExpectations(createVirtualClock())
    for (const name of ['x', 'y', 'z']) expectations.unanswered('set', name)
    expectations.answered('set', (name) => name === 'y')
    expectations.answered('other', () => true)
    const next = () => expectations.nextUnanswered('set')
    expect([next(), next(), next()]).toEqual(['x', 'z', undefined])
  })

  it('are met by events that overtake the answer', () => {
    const expectations = createExpectations(createVirtualClock())
    expectations.seen('a', 'present')
    expectations.created('set', 'a')
    expectations.seen('b', 'gone')
    expectations.deleted('set', 'b')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
    expectations.deleted('set', 'a')
    expect(expectations.outstandingMilliseconds('set')).toBeGreaterThan(0)
  })

  it('end after a while, or with their set', async () => {
    const clock = createVirtualClock()
    const expectations = createExpectations(clock)
    expectations.created('set', 'a')
    await clock.advance(300_000)
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
    expectations.created('set', 'c')
    expectations.forget('set')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
  })
})

describe('machineSetStatus', () => {
  it('counts and names what failed', () => {
    const lastOperation = {
      state: 'Failed' as const,
      type: 'Create' as const,
      description: 'no stock',
      errorCode: 'ResourceExhausted',
    }
    const crashing = {
      ...member('b', 'CrashLoopBackOff'),
      status: { currentStatus: { phase: 'CrashLoopBackOff' as const }, lastOperation },
    }
    const machines = [
      member('a'),
      crashing,
      member('c', 'Pending'),
      member('d', 'Running', { deletionTimestamp: at(0) }),
    ]
    const set = setOf(3, { metadata: { generation: 4 } })
    const status = machineSetStatus(set, machines, { counted: true }, epoch)
    expect(status).toMatchObject({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 1,
      availableReplicas: 1,
      observedGeneration: 4,
      failedMachines: [{ name: 'b', ownerRef: 'set', providerID: 'simulated:///r/b', lastOperation }],
    })
    expect(
      machineSetStatus({ ...set, status: status ?? {} }, machines, { counted: true }, epoch + 60_000),
    ).toBeUndefined()
  })

  it('observes a new generation once it is counted for it', () => {
    const set = { ...setOf(1, { metadata: { generation: 4 } }), status: { observedGeneration: 3 } }
    expect(machineSetStatus(set, [], { counted: false }, epoch)).toMatchObject({ observedGeneration: 3 })
    expect(machineSetStatus(set, [], { counted: true }, epoch)).toMatchObject({ observedGeneration: 4 })
    expect(machineSetStatus(setOf(1), [], { counted: false }, epoch)).not.toHaveProperty('observedGeneration')
  })

  it('states trouble and takes it back', () => {
    const set = setOf(1)
    const sick = machineSetStatus(
      set,
      [],
      { trouble: { reason: 'FailedCreate', message: 'quota' }, counted: true },
      epoch,
    )
    expect(sick?.machineSetCondition).toEqual([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota', lastTransitionTime: at(0) },
    ])
    expect(machineSetStatus({ ...set, status: sick ?? {} }, [], { counted: true }, epoch)?.machineSetCondition).toEqual(
      [],
    )
  })
})

/** A merge patch as RFC 7396 defines it. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key]
    else base[key] = merge(base[key], value)
  }
  return base
}
