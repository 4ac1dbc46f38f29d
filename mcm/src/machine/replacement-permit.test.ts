import type { MachinePhase } from '@trellis/api/machine/machine'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, launched } from '../../testing/objects.ts'
import {
  isOutage,
  parseLimit,
  type ReplacementCounts,
  refuseReplacement,
  replacementState,
  usualReplacementLimits,
} from './replacement-permit.ts'
import { createReplacementTally, totalOf, without } from './replacement-tally.ts'

const none: ReplacementCounts = { well: 0, sick: 0, busy: 0, waiting: 0, spared: 0 }

function counts(some: Partial<ReplacementCounts>): ReplacementCounts {
  return { ...none, ...some }
}

describe('replacementState', () => {
  const waiting = {
    currentStatus: { phase: 'CrashLoopBackOff' as const },
    lastOperation: { errorCode: 'ResourceExhausted' },
  }
  it.each([
    ['Running', 'well'],
    ['Available', 'well'],
    ['Unknown', 'sick'],
    ['InPlaceUpdateFailed', 'sick'],
    ['Failed', 'busy'],
    ['Pending', 'busy'],
    ['', 'busy'],
    ['Terminating', 'busy'],
    ['CrashLoopBackOff', 'busy'],
    ['InPlaceUpdating', 'busy'],
  ] satisfies [MachinePhase, string][])('%s is %s', (phase, state) => {
    expect(replacementState(launched(phase))).toBe(state)
  })
  it.each([
    { reason: 'going', machine: launched('Running', { metadata: { deletionTimestamp: at(0) } }), state: 'busy' },
    { reason: 'without quota', machine: launched('CrashLoopBackOff', { status: waiting }), state: 'waiting' },
    {
      reason: 'failed and preserved',
      machine: launched('Failed', { status: { currentStatus: { phase: 'Failed', preserveExpiryTime: at(9) } } }),
      state: 'spared',
    },
  ])('a machine that is $reason is $state', ({ machine, state }) => {
    expect(replacementState(machine)).toBe(state)
  })
})

describe('refuseReplacement', () => {
  const usual = { limits: usualReplacementLimits, zone: none, all: none, neighbours: none, missing: 0 }
  const shortage = counts({ well: 5, waiting: 40 })
  const dark = counts({ well: 10, sick: 70 })
  it.each([
    { reason: 'all others are well', observed: { zone: counts({ well: 3, sick: 2 }) }, refused: undefined },
    { reason: 'one is under replacement', observed: { zone: counts({ busy: 1 }) }, refused: 'zone' },
    { reason: 'one is, in another zone', observed: { all: counts({ busy: 1 }) }, refused: undefined },
    { reason: 'others wait for quota', observed: { zone: shortage, neighbours: shortage }, refused: undefined },
    { reason: 'its set has too few machines', observed: { missing: 1 }, refused: 'zone' },
    {
      reason: 'two may go and one does',
      observed: { limits: { perZone: 2 }, zone: counts({ busy: 1 }) },
      refused: undefined,
    },
    {
      reason: 'a tenth may go and one does',
      observed: { limits: { perZone: '10%' }, zone: counts({ well: 18, busy: 1 }) },
      refused: undefined,
    },
    {
      reason: 'a tenth of few is one',
      observed: { limits: { perZone: '10%' }, zone: counts({ well: 3 }) },
      refused: undefined,
    },
    { reason: 'none may go', observed: { limits: { perZone: 0 } }, refused: 'zone' },
    {
      reason: 'the deployment has lost enough elsewhere',
      observed: { limits: { perZone: 2, inAll: 2 }, all: counts({ busy: 2 }) },
      refused: 'deployment',
    },
    { reason: 'the zone is dark: one is tried', observed: { zone: dark, neighbours: dark }, refused: undefined },
    {
      reason: 'the zone is dark and half may go: only one does',
      observed: { limits: { perZone: '50%' }, zone: { ...dark, busy: 1 }, neighbours: dark },
      refused: 'outage',
    },
    {
      reason: 'the zone is dark and the one tried anew gets no server',
      observed: { zone: { ...dark, waiting: 1 }, neighbours: dark },
      refused: 'outage',
    },
  ])('$reason', ({ observed, refused }) => {
    expect(refuseReplacement({ ...usual, ...observed })).toBe(refused)
  })
  it('calls few sick machines no outage', () => {
    expect(isOutage(counts({ sick: 2 }))).toBe(false)
    expect(isOutage(counts({ sick: 3 }))).toBe(true)
    expect(isOutage(counts({ sick: 3, well: 97 }))).toBe(false)
  })
  it('never has more under replacement than the limit, whatever falls ill', () => {
    const property = fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 5 }), (total, limit) => {
      let busy = 0
      for (let sick = total; sick > 0; sick--) {
        const zone = counts({ sick: sick - 1, busy })
        if (refuseReplacement({ ...usual, limits: { perZone: limit }, zone, neighbours: zone }) === undefined) busy++
      }
      expect(busy).toBeLessThanOrEqual(limit)
      if (total > 5) expect(busy).toBeLessThanOrEqual(Math.max(1, limit))
    })
    fc.assert(property)
  })
})

describe('parseLimit', () => {
  it.each([
    ['2', 2],
    ['0', 0],
    ['25%', '25%'],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['many', undefined],
  ])('%j is %j', (text, limit) => {
    expect(parseLimit(text)).toBe(limit)
  })
})

describe('the tally', () => {
  const state = fc.constantFrom('well', 'sick', 'busy', 'waiting', 'spared' as const)
  const machine = fc.record({
    group: fc.constantFrom('a', 'b'),
    zone: fc.constantFrom('', 'z1'),
    state,
    leaving: fc.boolean(),
  })
  it('counts what was added and not taken away', () => {
    const property = fc.property(fc.array(machine), fc.array(machine), (stay, go) => {
      const tally = createReplacementTally()
      for (const one of [...stay, ...go]) tally.add(one, 1)
      for (const one of go) tally.add(one, -1)
      const among = (test: (one: (typeof stay)[number]) => boolean) => stay.filter(test).length
      expect(totalOf(tally.of('a'))).toBe(among(({ group }) => group === 'a'))
      expect(tally.of('a', 'z1').sick).toBe(among((one) => one.group === 'a' && one.state === 'sick'))
      expect(tally.neighbours('').busy).toBe(among((one) => one.zone === '' && one.state === 'busy'))
      expect(tally.leaving('b')).toBe(among((one) => one.group === 'b' && one.leaving))
    })
    fc.assert(property)
  })
  it('can leave one out', () => {
    expect(without(counts({ sick: 2 }), 'sick')).toEqual(counts({ sick: 1 }))
    expect(without(none, undefined)).toBe(none)
  })
})
