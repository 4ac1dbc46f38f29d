import { failure } from '@trellis/foundation/result'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, machineIn, nodeThat, observationOf } from '../../testing/objects.ts'
import { decideTermination, drainStatement, type TerminationMemory } from './termination.ts'

const none: TerminationMemory = {
  began: epoch,
  lookedForServer: false,
  lookedForNode: false,
  drained: false,
  holdsVolumes: false,
  serverGone: false,
}
const leaving = { deletionTimestamp: at(0) }
const terminating = (changes: Parameters<typeof launched>[1] = {}) =>
  launched('Terminating', {
    ...changes,
    metadata: { ...leaving, ...changes.metadata },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      ...changes.status,
      currentStatus: { phase: 'Terminating' },
    },
  })

describe('decideTermination', () => {
  const node = nodeThat('True')

  it.each([
    {
      reason: 'it is marked first',
      machine: launched('Running', { metadata: leaving }),
      memory: none,
      node,
      step: 'state',
    },
    { reason: 'then the node is drained', machine: terminating(), memory: none, node, step: 'drain' },
    {
      reason: 'a drain that was written down is over, also after a restart',
      machine: terminating({
        status: { conditions: [{ type: 'Drained', status: 'True', reason: 'Drained', lastTransitionTime: at(1) }] },
      }),
      memory: none,
      node,
      step: 'delete-server',
    },
    {
      reason: 'one for another purpose, before it was to go, counts for nothing',
      machine: terminating({
        status: { conditions: [{ type: 'Drained', status: 'True', reason: 'Drained', lastTransitionTime: at(-60) }] },
      }),
      memory: none,
      node,
      step: 'drain',
    },
    {
      reason: 'after a forced one volumes are detached first, also after a restart',
      machine: terminating({
        status: { conditions: [{ type: 'Drained', status: 'True', reason: 'Forced', lastTransitionTime: at(1) }] },
      }),
      memory: none,
      node,
      step: 'release-volumes',
    },
    {
      reason: 'they are detached once',
      machine: terminating({
        status: { conditions: [{ type: 'Drained', status: 'True', reason: 'Forced', lastTransitionTime: at(1) }] },
      }),
      memory: { ...none, drained: true },
      node,
      step: 'delete-server',
    },
    {
      reason: 'what a drain left attached is detached',
      machine: terminating(),
      memory: { ...none, drained: true, holdsVolumes: true },
      node,
      step: 'release-volumes',
    },
    {
      reason: 'a drain that this process saw is over',
      machine: terminating(),
      memory: { ...none, drained: true },
      node,
      step: 'delete-server',
    },
    {
      reason: 'without a node there is nothing to drain',
      machine: terminating(),
      memory: none,
      node: undefined,
      step: 'delete-server',
    },
    {
      reason: 'a machine that knows of no server may have one',
      machine: machineIn('Terminating', { metadata: leaving }),
      memory: none,
      node: undefined,
      step: 'look-for-server',
    },
    {
      reason: 'unless the cloud says that it has none',
      machine: machineIn('Terminating', { metadata: leaving }),
      memory: { ...none, lookedForServer: true },
      node: undefined,
      step: 'delete-server',
    },
    {
      reason: 'a machine that was never seen as a node may be one since a moment',
      machine: terminating({ status: { conditions: [] } }),
      memory: none,
      node: undefined,
      step: 'look-for-node',
    },
    {
      reason: 'unless the API server itself says that it is not',
      machine: terminating({ status: { conditions: [] } }),
      memory: { ...none, lookedForNode: true },
      node: undefined,
      step: 'delete-server',
    },
    {
      reason: 'the node object follows the server',
      machine: terminating(),
      memory: { ...none, drained: true, serverGone: true },
      node,
      step: 'delete-node',
    },
    {
      reason: 'then all is done',
      machine: terminating(),
      memory: { ...none, drained: true, serverGone: true },
      node: undefined,
      step: 'finish',
    },
  ])('$reason: $step', ({ machine, memory, node: seen, step }) => {
    expect(decideTermination(observationOf(machine, { node: seen }), memory, epoch + 1000).kind).toBe(step)
  })

  it('waits for an API server that does not answer, if there may be pods', () => {
    const observed = observationOf(terminating(), { target: { kind: 'unknown' } })
    expect(decideTermination(observed, none, epoch + 1000)).toMatchObject({
      kind: 'wait',
      statement: { operation: { description: expect.stringContaining('Waiting for the API server') } },
    })
    expect(decideTermination(observed, none, epoch + 7_260_000).kind).toBe('delete-server')
    const labels = { node: 'machine-a', 'force-deletion': 'True' }
    const forced = { ...observed, machine: terminating({ metadata: { ...leaving, labels } }) }
    expect(decideTermination(forced, none, epoch + 59_999).kind).toBe('wait')
    expect(decideTermination(forced, none, epoch + 60_000).kind).toBe('delete-server')
  })

  it('does not wait long for it if the machine never was seen as a node', () => {
    const machine = terminating({ status: { conditions: [] } })
    const justStarted = observationOf(machine, { target: { kind: 'unknown' } })
    expect(decideTermination(justStarted, none, epoch + 1000).kind).toBe('wait')
    const silent = observationOf(machine, { target: { kind: 'unknown', silentSince: epoch } })
    expect(decideTermination(silent, none, epoch + 59_999).kind).toBe('wait')
    expect(decideTermination(silent, none, epoch + 60_000).kind).toBe('delete-server')
  })

  it('is not held by a class that never was, if there never was a server', () => {
    const classView = failure({
      kind: 'missing' as const,
      code: 'FailedPrecondition' as const,
      description: 'MachineClass small does not exist',
    })
    const empty = machineIn('Terminating', { metadata: leaving })
    const looked = { ...none, lookedForServer: true }
    expect(decideTermination(observationOf(empty, { classView }), looked, epoch).kind).toBe('finish')
    expect(decideTermination(observationOf(terminating(), { classView }), none, epoch)).toMatchObject({
      kind: 'blocked',
      reason: 'The server cannot be deleted: MachineClass small does not exist; create it anew to go on',
    })
  })

  it('states a drain so that saying it again changes nothing', () => {
    const machine = terminating()
    const progress = {
      kind: 'draining' as const,
      reason: 'MovingPods' as const,
      message: 'pod default/a is asked to go',
      milliseconds: 1,
    }
    const statement = drainStatement(machine, progress, epoch)
    expect(statement.operation?.description).toBe('Draining the node: pod default/a is asked to go')
    const after = { ...machine, status: { ...machine.status, conditions: [...(statement.conditions ?? [])] } }
    expect(drainStatement(after, progress, epoch + 5000)).toEqual(statement)
  })
})
