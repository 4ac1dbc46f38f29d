import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, ownedBy, setOf } from '../../testing/objects.ts'
import { decideMachineSet } from './decide.ts'
import { deletionOrder } from './order.ts'
import { planPreservation } from './preservation.ts'
import { machineSetStatus } from './status.ts'

const key = 'node.machine.sapcloud.io/preserve'

interface Shape {
  readonly name: string
  readonly phase?: MachinePhase
  readonly value?: string
  readonly hours?: number
  readonly priority?: string
}

function machine({ name, phase = 'Failed', value, hours, priority }: Shape): Machine {
  const annotations: Record<string, string> = {
    ...(value === undefined ? {} : { [key]: value }),
    ...(priority === undefined ? {} : { 'machinepriority.machine.sapcloud.io': priority }),
  }
  const expiry = hours === undefined ? {} : { preserveExpiryTime: at(hours * 3600) }
  return ownedBy(
    setOf(1),
    launched(phase, {
      metadata: { name, annotations, resourceVersion: '4', labels: { node: name } },
      status: { currentStatus: { phase, lastUpdateTime: at(0), ...expiry } },
    }),
  )
}

function set(replicas: number, most?: number): MachineSet {
  const made = setOf(replicas)
  return most === undefined ? made : { ...made, spec: { ...made.spec, autoPreserveFailedMachineMax: most } }
}

function actionsOf(one: MachineSet, candidates: readonly Machine[]): readonly string[] {
  return decideMachineSet({ set: one, candidates, countable: true, now: epoch }).actions.map((action) =>
    action.kind === 'create'
      ? `create ${action.count}`
      : 'machine' in action
        ? `${action.kind} ${action.machine.metadata.name}`
        : action.kind,
  )
}

const names = (machines: Iterable<Machine>) => [...machines].map(({ metadata }) => metadata.name).sort()

describe('failed machines of a set', () => {
  it.each([
    { reason: 'nothing said', machines: [{ name: 'a' }], most: undefined, actions: ['delete a', 'create 1'] },
    { reason: 'a user wants it', machines: [{ name: 'a', value: 'now' }], most: undefined, actions: [] },
    { reason: 'a user wants it when failed', machines: [{ name: 'a', value: 'when-failed' }], most: 0, actions: [] },
    {
      reason: 'a user forbids it',
      machines: [{ name: 'a', value: 'false' }],
      most: 5,
      actions: ['delete a', 'create 1'],
    },
    {
      reason: 'it had its time',
      machines: [{ name: 'a', value: 'expired' }],
      most: 1,
      actions: ['delete a', 'create 1'],
    },
    { reason: 'the set may preserve one', machines: [{ name: 'a' }], most: 1, actions: ['update a'] },
    {
      reason: 'it preserves no more than it may',
      machines: [{ name: 'a', value: 'auto-preserved', hours: 5 }, { name: 'b' }],
      most: 1,
      actions: ['delete b', 'create 1'],
    },
    {
      reason: 'one that recovers has its place until its mark is gone',
      machines: [{ name: 'a', value: 'auto-preserved', phase: 'Running' as const }, { name: 'b' }],
      most: 1,
      actions: ['delete b', 'create 1'],
    },
    {
      reason: 'it may preserve fewer than before',
      machines: [
        { name: 'a', value: 'auto-preserved', hours: 5 },
        { name: 'b', value: 'auto-preserved', hours: 9 },
      ],
      most: 1,
      actions: ['delete a', 'create 1'],
    },
    {
      reason: 'it may preserve none any more',
      machines: [{ name: 'a', value: 'auto-preserved', hours: 5 }],
      most: undefined,
      actions: ['delete a', 'create 1'],
    },
  ])('$reason', ({ machines, most, actions }) => {
    expect(actionsOf(set(machines.length, most), machines.map(machine))).toEqual(actions)
  })

  it('are not preserved where no server was ever made', () => {
    const { spec, ...rest } = machine({ name: 'a' })
    const { providerID: _, ...bare } = spec ?? {}
    expect(actionsOf(set(1, 1), [{ ...rest, spec: bare }])).toEqual(['delete a', 'create 1'])
  })

  it('are replaced as usual while their set is replaced', () => {
    const rolling = set(1, 1)
    rolling.metadata.annotations = { 'deployment.machine.sapcloud.io/prefer-no-schedule': 'True' }
    expect(actionsOf(rolling, [machine({ name: 'a', value: 'now', hours: 5 })])).toEqual(['delete a', 'create 1'])
  })

  it('are preserved by a guarded write', () => {
    const { actions } = decideMachineSet({
      set: set(1, 1),
      candidates: [machine({ name: 'a' })],
      countable: true,
      now: epoch,
    })
    expect(actions).toMatchObject([
      { patch: { metadata: { resourceVersion: '4', annotations: { [key]: 'auto-preserved' } } } },
    ])
  })

  it('go when there are too many machines: a preservation that would begin now first', () => {
    const machines = [machine({ name: 'a' }), machine({ name: 'b', phase: 'Running' })]
    expect(actionsOf(set(1, 1), machines)).toEqual(['delete a'])
  })

  it('are counted in the status, which says nothing of it where there are none', () => {
    const plain = machineSetStatus(set(1), [machine({ name: 'a', phase: 'Running' })], { counted: true }, epoch)
    expect(plain).not.toHaveProperty('preservedFailedReplicas')
    const machines = [
      machine({ name: 'a', value: 'auto-preserved', hours: 5 }),
      machine({ name: 'b', value: 'now', hours: 5 }),
      machine({ name: 'c', value: 'now', phase: 'Running', hours: 5 }),
    ]
    const counted = machineSetStatus(set(3, 1), machines, { counted: true }, epoch)
    expect(counted).toMatchObject({ preservedFailedReplicas: 2, autoPreserveFailedMachineCount: 1, replicas: 3 })
    const cleared = machineSetStatus({ ...set(3, 1), status: counted ?? {} }, [], { counted: true }, epoch)
    expect(cleared).toMatchObject({ preservedFailedReplicas: 0, autoPreserveFailedMachineCount: 0 })
  })

  it('are never preserved beyond what is allowed, and never against a wish', () => {
    const shapes = fc.array(
      fc.record({
        phase: fc.constantFrom<MachinePhase>('Failed', 'Running'),
        value: fc.constantFrom(undefined, 'now', 'when-failed', 'auto-preserved', 'false'),
        hours: fc.constantFrom(undefined, 1, 2, 3),
      }),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(shapes, fc.nat(4), (drawn, most) => {
        const machines = drawn.map(({ phase, value, hours }, index) =>
          machine({
            name: `m${index}`,
            phase,
            ...(value === undefined ? {} : { value }),
            ...(hours === undefined ? {} : { hours }),
          }),
        )
        const { held, begin } = planPreservation(set(8, most), machines)
        const wishOf = ({ metadata }: Machine) => metadata.annotations?.[key]
        const automatic = [...held].filter((one) => wishOf(one) === 'auto-preserved').length
        expect(automatic + begin.length).toBeLessThanOrEqual(most)
        expect([...held].some((one) => wishOf(one) === 'false')).toBe(false)
        const asked = machines.filter(
          (one) => one.status?.currentStatus?.phase === 'Failed' && ['now', 'when-failed'].includes(wishOf(one) ?? ''),
        )
        expect(names(held)).toEqual(expect.arrayContaining(names(asked)))
        expect(begin.every((one) => held.has(one))).toBe(true)
      }),
    )
  })
})

describe('deletionOrder', () => {
  const machines = [
    machine({ name: 'asked', value: 'now', hours: 1 }),
    machine({ name: 'late', value: 'auto-preserved', hours: 9, priority: '1' }),
    machine({ name: 'early', value: 'auto-preserved', hours: 2 }),
    machine({ name: 'running', phase: 'Running' }),
    machine({ name: 'wanted-gone', phase: 'Running', priority: '1' }),
  ]
  const order = (honours?: boolean) => deletionOrder(machines, honours).map(({ metadata }) => metadata.name)

  it('takes what is not preserved first, and last what a user asked for', () => {
    expect(order()).toEqual(['wanted-gone', 'running', 'early', 'late', 'asked'])
  })

  it('knows no preservation while a set is replaced', () => {
    expect(order(false)).toEqual(['late', 'wanted-gone', 'asked', 'early', 'running'])
  })
})
