import type { JoinReport } from '@trellis/api/join-report'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, machineIn, nodeThat, observationOf } from '../../testing/objects.ts'
import { quickSettings } from '../../testing/rig.ts'
import { decideHealth } from './health.ts'
import { decideJoining } from './joining.ts'
import { conditionsFor, illnessOf } from './node-view.ts'
import { statusWith } from './phase.ts'
import { effectiveSettings } from './settings.ts'

const minute = 60_000

describe('decideJoining', () => {
  const pending = launched('Pending')

  it('ends when the node is healthy', () => {
    const decision = decideJoining(observationOf(pending, { node: nodeThat('True') }), {}, epoch)
    expect(decision).toMatchObject({
      kind: 'joined',
      statement: {
        phase: 'Running',
        operation: { type: 'Create', state: 'Successful' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })
  })

  it('waits for critical components', () => {
    const node = nodeThat('True', {
      spec: { taints: [{ key: 'node.gardener.cloud/critical-components-not-ready', effect: 'NoSchedule' }] },
    })
    expect(decideJoining(observationOf(pending, { node }), {}, epoch)).toMatchObject({
      kind: 'wait',
      statement: {
        operation: { description: 'The node joined and is not healthy yet: it waits for critical components' },
      },
    })
  })

  it('says why the node is not healthy', () => {
    const decision = decideJoining(observationOf(pending, { node: nodeThat('False') }), {}, epoch)
    expect(decision.statement.operation?.description).toBe(
      'The node joined and is not healthy yet: the node is not ready: says the kubelet',
    )
  })

  it.each([
    {
      reason: 'a step under way',
      steps: [step('install', 'done'), step('start-kubelet', 'running')],
      text: 'its agent has done 1 of 2 steps; start-kubelet is running',
    },
    {
      reason: 'a step that failed',
      steps: [step('join', 'failed', 'no route to host')],
      text: 'its agent has done 0 of 1 steps; join is failed: no route to host',
    },
    {
      reason: 'all steps done',
      steps: [step('join', 'done')],
      text: 'its agent has done all steps; waiting for the node',
    },
  ])('tells what the machine tells: $reason', ({ steps, text }) => {
    const decision = decideJoining(observationOf(pending, { report: reportOf(steps) }), {}, epoch)
    expect(decision.statement.operation?.description).toBe(`The server was made; ${text}`)
  })

  it('looks at the server after a while, and ever less often', () => {
    const looks: number[] = []
    let memory: Parameters<typeof decideJoining>[1] = {}
    for (let now = epoch; now < epoch + 10 * minute; now += 1000) {
      const decision = decideJoining(observationOf(pending), memory, now)
      if (decision.kind === 'wait' && decision.look) {
        looks.push((now - epoch) / 1000)
        memory = { lookedAt: now, server: 'running' }
      }
    }
    expect(looks[0]).toBe(5)
    expect(looks.length).toBeLessThan(20)
    expect(Math.max(...looks.slice(1).map((at, index) => at - (looks[index] ?? 0)))).toBeLessThanOrEqual(60)
  })

  it('does not look at a server whose node is there', () => {
    const decision = decideJoining(observationOf(pending, { node: nodeThat('False') }), {}, epoch + minute)
    expect(decision).toMatchObject({ kind: 'wait', look: false })
  })

  it('gives up after the creation timeout and repeats what was known last', () => {
    const report = reportOf([step('join', 'failed', 'certificate refused')])
    const decision = decideJoining(observationOf(pending, { report }), {}, epoch + 20 * minute + 1)
    expect(decision).toMatchObject({
      kind: 'fail',
      statement: {
        phase: 'Failed',
        operation: {
          state: 'Failed',
          description:
            'No healthy node within 20m0s. The server was made; its agent has done 0 of 1 steps; join is failed: certificate refused',
        },
      },
    })
  })

  it('blames no machine for an API server that does not answer', () => {
    const unknown = observationOf(pending, { target: { kind: 'unknown' } })
    expect(decideJoining(unknown, {}, epoch + 60 * minute)).toMatchObject({
      kind: 'wait',
      statement: { operation: { description: expect.stringContaining('does not answer yet') } },
    })
    const late = observationOf(pending, { target: { kind: 'known', since: epoch + 55 * minute } })
    expect(decideJoining(late, {}, epoch + 60 * minute).kind).toBe('wait')
    expect(decideJoining(late, {}, epoch + 76 * minute).kind).toBe('fail')
  })

  it('comes back in time for its deadline', () => {
    const settings = { ...quickSettings, disableHealthTimeout: false, creationTimeoutMilliseconds: 3000 }
    const decision = decideJoining(observationOf(pending, { settings }), {}, epoch + 1000)
    expect(decision).toMatchObject({ kind: 'wait', milliseconds: 2001 })
  })
})

describe('decideHealth', () => {
  const unknownSince = (seconds: number) =>
    launched('Unknown', { status: { currentStatus: { phase: 'Unknown', lastUpdateTime: at(seconds) } } })

  it.each([
    { reason: 'healthy', machine: launched('Running'), node: nodeThat('True'), phase: undefined },
    { reason: 'not ready', machine: launched('Running'), node: nodeThat('False'), phase: 'Unknown' },
    { reason: 'kubelet silent', machine: launched('Running'), node: nodeThat('Unknown'), phase: 'Unknown' },
    { reason: 'node gone', machine: launched('Running'), node: undefined, phase: 'Unknown' },
    { reason: 'healthy again', machine: unknownSince(0), node: nodeThat('True'), phase: 'Running' },
    { reason: 'failed, healthy again', machine: launched('Failed'), node: nodeThat('True'), phase: 'Running' },
    { reason: 'failed for good', machine: launched('Failed'), node: nodeThat('False'), phase: undefined },
  ])('$reason', ({ machine, node, phase }) => {
    const decision = decideHealth(observationOf(machine, { node }), epoch)
    expect(decision.kind).toBe('keep')
    expect(decision.statement.phase).toBe(phase)
  })

  it('gives up after the health timeout, not before, and comes back for it', () => {
    const observed = observationOf(unknownSince(0), { node: nodeThat('False') })
    expect(decideHealth(observed, epoch + 4 * minute)).toMatchObject({ kind: 'keep', milliseconds: 6 * minute + 1 })
    expect(decideHealth(observed, epoch + 10 * minute).kind).toBe('keep')
    expect(decideHealth(observed, epoch + 10 * minute + 1)).toMatchObject({
      kind: 'fail',
      statement: {
        phase: 'Failed',
        operation: {
          type: 'HealthCheck',
          state: 'Failed',
          description: 'Unhealthy for more than 10m0s: the node is not ready: says the kubelet',
        },
      },
    })
  })

  it('never gives up where that is switched off', () => {
    const settings = { ...quickSettings, disableHealthTimeout: true }
    const observed = observationOf(unknownSince(0), { node: nodeThat('False'), settings })
    expect(decideHealth(observed, epoch + 999 * minute)).toMatchObject({
      kind: 'keep',
      statement: { timeoutActive: false },
    })
  })

  it('changes nothing while nodes are not known', () => {
    const observed = observationOf(launched('Running'), { target: { kind: 'unknown' } })
    expect(decideHealth(observed, epoch + 999 * minute)).toEqual({ kind: 'keep', statement: {} })
  })
})

describe('illnessOf', () => {
  const troubles = ['DiskPressure']
  it.each([
    { reason: 'no report', conditions: [], illness: 'the node has not reported yet' },
    { reason: 'ready', conditions: [{ type: 'Ready', status: 'True' }], illness: undefined },
    {
      reason: 'a trouble',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'True', reason: 'Full' },
      ],
      illness: 'the node has DiskPressure=True: Full',
    },
    {
      reason: 'a trouble nobody knows about',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'Unknown' },
      ],
      illness: 'the node has DiskPressure=Unknown',
    },
    {
      reason: 'a trouble that is none',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'False' },
        { type: 'Other', status: 'True' },
      ],
      illness: undefined,
    },
  ])('$reason', ({ conditions, illness }) => {
    expect(illnessOf(conditions, troubles)).toBe(illness)
  })
})

describe('statusWith', () => {
  it('says nothing when nothing is new', () => {
    const machine = launched('Pending', {
      status: {
        currentStatus: { phase: 'Pending', lastUpdateTime: at(0), timeoutActive: true },
        lastOperation: { type: 'Create', state: 'Processing', description: 'x', lastUpdateTime: at(0) },
      },
    })
    const same = {
      phase: 'Pending' as const,
      operation: { type: 'Create' as const, state: 'Processing' as const, description: 'x' },
    }
    expect(statusWith(machine, same, epoch + minute)).toBeUndefined()
    const other = statusWith(machine, { ...same, operation: { ...same.operation, description: 'y' } }, epoch + minute)
    expect(other?.lastOperation).toMatchObject({ description: 'y', lastUpdateTime: at(60) })
    expect(other?.currentStatus?.lastUpdateTime).toBe(at(0))
  })

  it('starts the phase’s clock with the phase, and drops an old error code', () => {
    const machine = machineIn('CrashLoopBackOff', {
      status: {
        currentStatus: { phase: 'CrashLoopBackOff', lastUpdateTime: at(0) },
        lastOperation: { errorCode: 'Unavailable' },
      },
    })
    const after = statusWith(
      machine,
      { phase: 'Pending', operation: { type: 'Create', state: 'Processing', description: 'x' } },
      epoch + minute,
    )
    expect(after?.currentStatus).toMatchObject({ phase: 'Pending', lastUpdateTime: at(60) })
    expect(after?.lastOperation).not.toHaveProperty('errorCode')
  })

  it('writes nothing for a heartbeat', () => {
    const node = nodeThat('True')
    const machine = launched('Running', {
      status: { currentStatus: { phase: 'Running' }, conditions: [...conditionsFor(launched('Running'), node)] },
    })
    const [ready] = node.status?.conditions ?? []
    const later = nodeThat('True', {
      status: { conditions: ready === undefined ? [] : [{ ...ready, lastHeartbeatTime: at(300) }] },
    })
    expect(statusWith(machine, { conditions: conditionsFor(machine, later) }, epoch)).toBeUndefined()
  })
})

describe('effectiveSettings', () => {
  it('takes annotation over spec over flags, and skips what cannot be read', () => {
    const annotations = { 'node.machine.sapcloud.io/effective-creation-timeout': '7m' }
    const machine = machineIn('', {
      metadata: { annotations },
      spec: { creationTimeout: '8m', drainTimeout: 'soon', nodeConditions: 'A, B,,', maxEvictRetries: 0 },
    })
    expect(effectiveSettings(machine, quickSettings)).toMatchObject({
      creationTimeoutMilliseconds: 7 * minute,
      drainTimeoutMilliseconds: quickSettings.drainTimeoutMilliseconds,
      nodeConditions: ['A', 'B'],
      maxEvictRetries: 0,
      disableHealthTimeout: false,
    })
  })
})

function step(
  name: string,
  state: 'pending' | 'running' | 'done' | 'failed',
  error?: string,
): JoinReport['steps'][number] {
  return { name, state, tries: 1, ...(error === undefined ? {} : { error }) }
}

function reportOf(steps: JoinReport['steps']): JoinReport {
  return {
    machine: 'machine-a',
    role: 'worker',
    state: 'joining',
    startedAt: at(0),
    updatedAt: at(0),
    restarts: {},
    steps,
  }
}
