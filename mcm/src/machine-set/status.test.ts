import { describe, expect, it } from 'vitest'
import { at, epoch, member, setOf } from '../../testing/objects.ts'
import { machineSetStatus } from './status.ts'

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
