import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { failure } from '@trellis/foundation/result'
import { describe, expect, it } from 'vitest'
import { epoch, launched, machineIn, observationOf } from '../../testing/objects.ts'
import { quickSettings } from '../../testing/rig.ts'
import { decideLaunch, launchedStatement, launchFailedStatement, launchPatch, nextTry } from './launch.ts'

const tries = { failures: 1, notBefore: epoch + 5000, classVersion: '7/1' }
const made = {
  providerId: 'simulated:///r/1',
  nodeName: 'machine-a',
  addresses: [],
  state: 'running' as const,
  initialized: true,
}

describe('decideLaunch', () => {
  it.each([
    { reason: 'a new machine', machine: machineIn(''), kind: 'launch' },
    { reason: 'one whose server was refused', machine: machineIn('CrashLoopBackOff'), kind: 'launch' },
    { reason: 'a pending one without provider id', machine: machineIn('Pending'), kind: 'launch' },
    { reason: 'a pending one with a server', machine: launched('Pending'), kind: 'launched' },
    { reason: 'a running one', machine: launched('Running'), kind: 'launched' },
    { reason: 'a failed one', machine: machineIn('Failed'), kind: 'launched' },
  ])('$reason: $kind', ({ machine, kind }) => {
    expect(decideLaunch(observationOf(machine), undefined, epoch).kind).toBe(kind)
  })

  it('waits out its pause, unless the class changed', () => {
    const machine = machineIn('CrashLoopBackOff')
    expect(decideLaunch(observationOf(machine), tries, epoch)).toEqual({ kind: 'wait', milliseconds: 5000 })
    expect(decideLaunch(observationOf(machine), tries, epoch + 5000).kind).toBe('launch')
    expect(decideLaunch(observationOf(machine), { ...tries, classVersion: '6/1' }, epoch).kind).toBe('launch')
  })

  it('gives up when it takes too long, and says what was wrong last', () => {
    const machine = machineIn('CrashLoopBackOff', {
      status: {
        currentStatus: { phase: 'CrashLoopBackOff' },
        lastOperation: { description: 'Cloud provider message - no stock', errorCode: 'ResourceExhausted' },
      },
    })
    const decision = decideLaunch(observationOf(machine), undefined, epoch + 1_200_001)
    expect(decision).toMatchObject({
      kind: 'fail',
      statement: {
        phase: 'Failed',
        operation: {
          description: 'No server within 20m0s: Cloud provider message - no stock',
          errorCode: 'ResourceExhausted',
        },
      },
    })
    expect(decideLaunch(observationOf(machine), undefined, epoch + 1_199_999).kind).toBe('launch')
  })

  it('does not hold the time that a class was missing against the machine', () => {
    const lastOperation = { description: 'MachineClass small does not exist', errorCode: 'FailedPrecondition' }
    const machine = machineIn('CrashLoopBackOff', {
      status: { currentStatus: { phase: 'CrashLoopBackOff' }, lastOperation },
    })
    expect(decideLaunch(observationOf(machine), undefined, epoch + 9_000_000).kind).toBe('launch')
  })

  it('is blocked by a class that cannot be used, and names it', () => {
    const reason = {
      kind: 'missing' as const,
      code: 'FailedPrecondition' as const,
      description: 'MachineClass small does not exist',
    }
    const observed = observationOf(machineIn(''), { classView: failure(reason) })
    expect(decideLaunch(observed, undefined, epoch)).toMatchObject({
      kind: 'blocked',
      reason: 'MachineClass small does not exist',
      statement: {
        phase: 'CrashLoopBackOff',
        operation: {
          state: 'Failed',
          errorCode: 'FailedPrecondition',
          description: 'MachineClass small does not exist',
        },
      },
    })
  })

  it('writes nothing while the class is only being prepared', () => {
    const reason = {
      kind: 'unprotected' as const,
      code: 'FailedPrecondition' as const,
      description: 'is being prepared',
    }
    const observed = observationOf(machineIn(''), { classView: failure(reason) })
    expect(decideLaunch(observed, undefined, epoch)).toMatchObject({ kind: 'blocked', statement: {} })
  })
})

describe('launchPatch', () => {
  it('writes node, provider id and the usual priority', () => {
    expect(launchPatch(machineIn(''), made)).toEqual({
      metadata: { labels: { node: 'machine-a' }, annotations: { 'machinepriority.machine.sapcloud.io': '3' } },
      spec: { providerID: 'simulated:///r/1' },
    })
  })

  it('leaves a priority that somebody gave alone, and writes nothing twice', () => {
    const annotations = { 'machinepriority.machine.sapcloud.io': '1' }
    const before = machineIn('', { metadata: { annotations } })
    expect(launchPatch(before, made)).not.toHaveProperty('metadata.annotations')
    const after = machineIn('', {
      metadata: { annotations, labels: { node: 'machine-a' } },
      spec: { providerID: made.providerId },
    })
    expect(launchPatch(after, made)).toBeUndefined()
    expect(launchPatch(after, made, '{"tags":"1"}')).toMatchObject({
      metadata: { annotations: { 'machine.sapcloud.io/applied-provider-fields': '{"tags":"1"}' } },
    })
    const said = { ...after.metadata.annotations, 'machine.sapcloud.io/applied-provider-fields': '{"tags":"1"}' }
    const again = { ...after, metadata: { ...after.metadata, annotations: said } }
    expect(launchPatch(again, made, '{"tags":"1"}')).toBeUndefined()
    expect(launchPatch(again, made, '{"tags":"2"}')).toBeDefined()
  })
})

describe('statements', () => {
  it('a server that was made is awaited, or enough where there is no cluster', () => {
    expect(launchedStatement(made, true)).toMatchObject({ phase: 'Pending', timeoutActive: true })
    expect(launchedStatement(made, false)).toMatchObject({ phase: 'Available', addresses: [] })
  })

  it('a refusal has the code that cluster-autoscaler reads', () => {
    expect(launchFailedStatement(new Failure('Exhausted', 'limit 1, used 1'))).toMatchObject({
      phase: 'CrashLoopBackOff',
      operation: {
        type: 'Create',
        state: 'Failed',
        errorCode: 'ResourceExhausted',
        description: 'Cloud provider message - limit 1, used 1',
      },
    })
  })
})

describe('nextTry', () => {
  const settings = { ...quickSettings, disableHealthTimeout: false }
  const pauses = (error: unknown, count: number) => {
    let before: Parameters<typeof nextTry>[0]
    const random = createSeededRandom('try')
    return Array.from({ length: count }, () => {
      before = nextTry(before, error, { random, settings, classVersion: 'v', now: epoch })
      return before.notBefore - epoch
    })
  }

  it.each([
    { reason: 'a passing fault', error: new Failure('Unavailable', ''), first: [500, 1000], longest: 60_000 },
    { reason: 'a shortage', error: new Failure('Exhausted', ''), first: [7500, 15_000], longest: 600_000 },
    { reason: 'a wrong class', error: new Failure('Invalid', ''), first: [5000, 10_000], longest: 180_000 },
    { reason: 'a call without an answer', error: new Failure('Timeout', ''), first: [500, 1000], longest: 60_000 },
    { reason: 'a missing right', error: new Failure('Forbidden', ''), first: [5000, 10_000], longest: 180_000 },
    { reason: 'a name that is taken', error: new Failure('Conflict', ''), first: [5000, 10_000], longest: 180_000 },
    { reason: 'a bug', error: new TypeError('x'), first: [5000, 10_000], longest: 180_000 },
  ])('$reason: pauses grow to their limit', ({ error, first, longest }) => {
    const all = pauses(error, 20)
    expect(all[0]).toBeGreaterThanOrEqual(first[0] ?? 0)
    expect(all[0]).toBeLessThanOrEqual(first[1] ?? 0)
    expect(Math.max(...all)).toBeLessThanOrEqual(longest)
    expect(all.at(-1)).toBeGreaterThanOrEqual(longest / 2)
  })

  it('honours what the cloud asks for, and begins anew with a changed class', () => {
    const error = new Failure('Throttled', '', { retryAfterMilliseconds: 30_000 })
    const context = { random: createSeededRandom('try'), settings, now: epoch }
    const first = nextTry(undefined, error, { ...context, classVersion: 'v1' })
    expect(first.notBefore).toBe(epoch + 30_000)
    expect(nextTry(first, error, { ...context, classVersion: 'v1' }).failures).toBe(2)
    expect(nextTry(first, error, { ...context, classVersion: 'v2' }).failures).toBe(1)
  })
})
