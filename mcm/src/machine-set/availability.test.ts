import { describe, expect, it } from 'vitest'
import { at, epoch, launched, setOf } from '../../testing/objects.ts'
import { isAvailable, minReadyMilliseconds, nextAvailability } from './availability.ts'

const honour = 'machine.sapcloud.io/honour-min-ready-seconds'

function readySince(seconds: number, phase: Parameters<typeof launched>[0] = 'Running') {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: at(seconds) }]
  return launched(phase, { status: { currentStatus: { phase, lastUpdateTime: at(10) }, conditions } })
}

describe('minReadyMilliseconds', () => {
  it.each<{ reason: string; annotations: Record<string, string>; seconds: number; wanted: number }>([
    { reason: 'clients of the reference set it without meaning it', annotations: {}, seconds: 500, wanted: 0 },
    { reason: 'asked for', annotations: { [honour]: 'true' }, seconds: 30, wanted: 30_000 },
    { reason: 'asked for nothing', annotations: { [honour]: 'true' }, seconds: 0, wanted: 0 },
    { reason: 'refused', annotations: { [honour]: 'false' }, seconds: 30, wanted: 0 },
  ])('$reason', ({ annotations, seconds, wanted }) => {
    const set = setOf(1, { metadata: { annotations }, spec: { minReadySeconds: seconds } })
    expect(minReadyMilliseconds(set)).toBe(wanted)
  })
})

describe('isAvailable', () => {
  it.each([
    { reason: 'at once when nothing is asked', machine: readySince(10), minReady: 0, after: 10, wanted: true },
    { reason: 'not before its time', machine: readySince(10), minReady: 30_000, after: 39, wanted: false },
    { reason: 'in its time', machine: readySince(10), minReady: 30_000, after: 40, wanted: true },
    { reason: 'counts anew when Ready was lost', machine: readySince(35), minReady: 30_000, after: 40, wanted: false },
    { reason: 'never while unhealthy', machine: readySince(10, 'Unknown'), minReady: 0, after: 99, wanted: false },
    { reason: 'without a target cluster', machine: readySince(10, 'Available'), minReady: 0, after: 10, wanted: true },
  ])('$reason', ({ machine, minReady, after, wanted }) => {
    expect(isAvailable(machine, minReady, epoch + after * 1000)).toBe(wanted)
  })
})

describe('nextAvailability', () => {
  it('is the nearest instant at which waiting alone helps', () => {
    const machines = [readySince(20), readySince(15), readySince(0, 'Unknown'), readySince(10)]
    expect(nextAvailability(machines, 30_000, epoch + 41_000)).toBe(epoch + 45_000)
    expect(nextAvailability(machines, 30_000, epoch + 60_000)).toBeUndefined()
    expect(nextAvailability(machines, 0, epoch)).toBeUndefined()
  })
})
