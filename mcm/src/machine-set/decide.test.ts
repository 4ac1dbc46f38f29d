import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, machineIn, member, setOf } from '../../testing/objects.ts'
import { decideMachineSet, type MachineSetAction } from './decide.ts'

const priority = 'machinepriority.machine.sapcloud.io'
const marked = 'machine.sapcloud.io/marked-for-deletion-time'
const scaledAt = 'machine.sapcloud.io/last-deployment-replica-change-by-scaler-time'

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
