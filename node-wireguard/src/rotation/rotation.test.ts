import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryDevice } from '../../testing/memory-device.ts'
import { parseCidr, parseIpAddress } from '../address.ts'
import type { HostConfiguration } from '../host/configuration.ts'
import { type PathState, pathAfter, unknownPath } from '../path/state.ts'
import { agreementDeadlineMilliseconds, presharedKeyPhase } from './preshared-key.ts'
import { replaceLink } from './replace-link.ts'
import { carriedBy, decideSuccession, isData, type SuccessionFacts, usualLimits, without } from './succession.ts'

/** A path after these questions: answered or not. */
function path(...answers: readonly boolean[]): PathState {
  return answers.reduce((state, answered, index) => {
    const asked = pathAfter(state, { kind: 'asked', sequence: index })
    return answered
      ? pathAfter(asked, { kind: 'answered', sequence: index, now: index, roundTripMilliseconds: 1 })
      : asked
  }, unknownPath)
}
const steady = path(true, true, true, true, true)

const configuration: HostConfiguration = {
  links: [
    { interfaceName: 'old', maximumTransmissionUnit: 1420 },
    { interfaceName: 'new', maximumTransmissionUnit: 1420, addresses: [parseIpAddress('fd8f::b1')] },
  ],
  addresses: [parseIpAddress('192.168.123.1')],
  routes: [
    { destination: parseCidr('100.96.0.0/16') },
    { destination: parseCidr('fd8f::b2'), interfaceName: 'new' },
    { destination: parseCidr('fd8f::a2'), interfaceName: 'old' },
  ],
  firewall: { tableName: 'tunnel', probePort: 5400, peerAddresses: [], forwardTo: [] },
  forwarding: [],
}

describe('the change of a preshared key', () => {
  const changedAt = 1_000_000
  it.each([
    ['pending', undefined, 1000],
    ['pending', changedAt - 100_000, 1000],
    ['pending', changedAt, 170_000],
    ['agreed', changedAt + 1, 2000],
    ['refused', changedAt - 100_000, agreementDeadlineMilliseconds + 1],
    ['refused', undefined, agreementDeadlineMilliseconds + 1],
  ] as const)('is %s with a handshake at %j after %i ms', (phase, latestHandshake, after) => {
    expect(presharedKeyPhase({ latestHandshake }, changedAt, changedAt + after)).toBe(phase)
  })
})

describe('the succession of links', () => {
  const facts: SuccessionFacts = {
    now: 20_000,
    startedAt: 0,
    movedAt: undefined,
    newPath: unknownPath,
    oldHeardAt: undefined,
  }

  it.each<[string, Partial<SuccessionFacts>]>([
    ['wait', {}],
    ['wait', { newPath: path(true, true, true, true) }],
    ['wait', { newPath: path(true, true, false, true, true) }],
    ['move', { newPath: steady }],
    ['move', { newPath: steady, now: 99_000 }],
    ['give-up', { now: 30_000 }],
    ['wait', { newPath: steady, movedAt: 15_000 }],
    ['wait', { newPath: steady, movedAt: 1000, oldHeardAt: 15_000 }],
    ['retire', { newPath: steady, movedAt: 1000, oldHeardAt: 10_000 }],
    ['move-back', { newPath: path(true, true, true, true, true, false, false, false), movedAt: 1000 }],
  ])('says %s for %j', (step, change) => {
    expect(decideSuccession({ ...facts, ...change }, usualLimits)).toBe(step)
  })

  it('never moves to or stays with a link that is down, and never retires one that was just heard', () => {
    const instants = fc.nat(100_000)
    fc.assert(
      fc.property(
        fc.record({
          now: instants,
          startedAt: instants,
          movedAt: fc.option(instants, { nil: undefined }),
          newPath: fc.array(fc.boolean(), { maxLength: 20 }).map((answers) => path(...answers)),
          oldHeardAt: fc.option(instants, { nil: undefined }),
        }),
        (any) => {
          const step = decideSuccession(any, usualLimits)
          if (step === 'move' || step === 'retire') expect(any.newPath.up).toBe(true)
          if (step === 'retire') expect(any.now - (any.oldHeardAt ?? 0)).toBeGreaterThanOrEqual(10_000)
          if (any.movedAt !== undefined && !any.newPath.up) expect(step).toBe('move-back')
        },
      ),
    )
  })

  it('tells data from what a device sends by itself', () => {
    expect([isData(100, 100), isData(100, 132), isData(100, 228)]).toEqual([false, false, true])
  })

  it('moves the routes that name no link, and takes a link away with those that name it', () => {
    expect(carriedBy(configuration, 'new').links.map((link) => link.interfaceName)).toEqual(['new', 'old'])
    expect(carriedBy(configuration, 'new').routes).toEqual(configuration.routes)
    const left = without(configuration, 'old')
    expect(left.links.map((link) => link.interfaceName)).toEqual(['new'])
    expect(left.routes.map((route) => route.destination)).toEqual(['100.96.0.0/16', 'fd8f::b2/128'])
  })
})

describe('replacing a link', () => {
  function begin(newPath: () => PathState) {
    const clock = createVirtualClock()
    const applied: string[] = []
    const life = new AbortController()
    const host = {
      apply: async ({ links }: HostConfiguration) => {
        applied.push(links.map((link) => link.interfaceName).join(' '))
        return []
      },
      clear: async () => {},
    }
    const names = { oldLink: 'old', newLink: 'new' }
    const oldDevice = createMemoryDevice()
    const outcome = replaceLink({ clock, signal: life.signal, host, configuration, ...names, oldDevice, newPath })
    return { clock, applied, life, outcome }
  }

  it('moves once the new one answers steadily, and retires the old one when it is silent', async () => {
    let state = unknownPath
    const { clock, applied, outcome } = begin(() => state)
    await clock.advance(2000)
    expect(applied).toEqual(['old new'])
    state = steady
    await clock.advance(500)
    expect(applied).toEqual(['old new', 'new old'])
    await clock.advance(11_000)
    expect(await outcome).toBe('replaced')
    expect(applied).toEqual(['old new', 'new old', 'new'])
  })

  it('goes back when the new one fails after all, and gives up when it never answers', async () => {
    let state = steady
    const { clock, applied, outcome } = begin(() => state)
    await clock.advance(500)
    state = unknownPath
    await clock.advance(500)
    expect(applied).toEqual(['old new', 'new old', 'old new'])
    await clock.advance(30_000)
    expect(await outcome).toBe('given-up')
    expect(applied.at(-1)).toBe('old')
  })

  it('leaves both as they are when it is stopped', async () => {
    const { clock, applied, life, outcome } = begin(() => unknownPath)
    await clock.advance(500)
    const stopped = expect(outcome).rejects.toThrow()
    life.abort()
    await stopped
    expect(applied).toEqual(['old new'])
  })
})
