import { createSeededRandom } from '@trellis/foundation/random'
import fc from 'fast-check'
import { parseIpAddress } from 'node-wireguard/address'
import { generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { describe, expect, it } from 'vitest'
import { cookie, data, initiationFor, response } from '../../testing/messages.ts'
import { defaultLimits } from '../configuration.ts'
import type { TunnelDestination } from '../destinations/destinations.ts'
import { createFlowTable } from './flow-table.ts'
import { createKeyRing } from './key-ring.ts'
import { createSessions } from './sessions.ts'
import { createSorter, type Sorter, type Verdict } from './sorter.ts'

const random = createSeededRandom('sorter')
const destination = (name: string): TunnelDestination => ({
  name,
  publicKeys: [1, 2].map(() => publicKeyOf(generatePrivateKey(random))),
  target: { address: parseIpAddress('10.0.0.1'), port: 51_820 },
})
const destinations = [destination('a'), destination('b')]
const keyOf = (name: string, index = 0) =>
  destinations.find((one) => one.name === name)?.publicKeys[index] ?? publicKeyOf(generatePrivateKey(random))
const source = (port: number, address = '192.0.2.1') => ({ address: parseIpAddress(address), port })

function sorterWith(limits: Partial<typeof defaultLimits> = {}, neighbours: readonly string[] = []): Sorter {
  const all = { ...defaultLimits, ...limits }
  const sorter = createSorter({
    flows: createFlowTable(all),
    sessions: createSessions(100),
    keys: createKeyRing(destinations),
    limits: all,
    now: 0,
    neighbours: () => neighbours.map((address) => parseIpAddress(address)),
  })
  return sorter
}

const outcome = (verdict: Verdict) => ('drop' in verdict ? verdict.drop : verdict.flow.destination)

/** A source that a destination has answered in a session of this index. */
function answered(sorter: Sorter, port: number, name: string, index: number): void {
  const verdict = sorter.sort(source(port), initiationFor(keyOf(name)), 0)
  if ('flow' in verdict) sorter.answered(verdict.flow, response(index, 1), 0)
}

describe('packets are sorted', () => {
  it('by the key that a handshake proves, each key of a destination alike', () => {
    const sorter = sorterWith()
    expect(outcome(sorter.sort(source(1), initiationFor(keyOf('a', 0)), 0))).toBe('a')
    expect(outcome(sorter.sort(source(2), initiationFor(keyOf('b', 1)), 0))).toBe('b')
    expect(outcome(sorter.sort(source(3), initiationFor(keyOf('nobody')), 0))).toBe('unknown-key')
  })

  it('by their source once it is known', () => {
    const sorter = sorterWith()
    expect(outcome(sorter.sort(source(1), data(7), 0))).toBe('unknown-session')
    answered(sorter, 1, 'a', 5)
    expect(outcome(sorter.sort(source(1), data(7), 0))).toBe('a')
  })

  it('by their session when the source is new', () => {
    const sorter = sorterWith()
    answered(sorter, 1, 'b', 5)
    expect(outcome(sorter.sort(source(2), data(5), 0))).toBe('b')
    expect(outcome(sorter.sort(source(3), data(6), 0))).toBe('unknown-session')
    expect(outcome(sorter.sort(source(4), data(5), 400_000))).toBe('unknown-session')
  })

  it('by the servers that their address has TLS connections to, each in turn until one answers', () => {
    const sorter = sorterWith({}, ['10.0.0.1'])
    const tries = [1, 2, 3].map(() => sorter.sort(source(1), data(9), 0))
    expect(tries.map(outcome)).toEqual(['a', 'b', 'a'])
    const [, second] = tries
    if (second !== undefined && 'flow' in second) sorter.answered(second.flow, data(1), 0)
    expect(outcome(sorterWith({}, ['10.0.0.9']).sort(source(1), data(9), 0))).toBe('unknown-session')
  })

  it('to another destination when a source proves its key, once that has answered', () => {
    const sorter = sorterWith()
    answered(sorter, 1, 'a', 5)
    const verdict = sorter.sort(source(1), initiationFor(keyOf('b')), 0)
    expect(outcome(verdict)).toBe('b')
    expect(outcome(sorter.sort(source(1), data(5), 0))).toBe('a')
    if ('flow' in verdict) expect(sorter.answered(verdict.flow, response(6, 1), 0)).toMatchObject({ first: true })
    expect(outcome(sorter.sort(source(1), data(6), 0))).toBe('b')
  })

  it('to nobody whose destination is gone', () => {
    const sorter = sorterWith()
    answered(sorter, 1, 'a', 5)
    sorter.setKeys(createKeyRing(destinations.slice(1)))
    expect(outcome(sorter.sort(source(2), data(5), 0))).toBe('unknown-session')
    expect(outcome(sorter.sort(source(2), initiationFor(keyOf('a')), 0))).toBe('unknown-key')
  })

  it('without ever failing', () => {
    const sorter = sorterWith()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(outcome(sorter.sort(source(9), Buffer.from(bytes), 0))).toMatch(/malformed|unknown|limit/)
      }),
    )
  })
})

describe('a flood', () => {
  it('of one network leaves others alone', () => {
    const sorter = sorterWith({ perNetwork: { perSecond: 1, burst: 3 } })
    const flood = Array.from({ length: 5 }, (_, port) => outcome(sorter.sort(source(port + 1), data(1), 0)))
    expect(flood.slice(3)).toEqual(['network-limit', 'network-limit'])
    expect(outcome(sorter.sort(source(1, '198.51.100.1'), data(1), 0))).toBe('unknown-session')
    // Handshakes are counted by themselves: those of the same network still pass.
    const handshakes = [1, 2, 3, 4].map((port) => outcome(sorter.sort(source(port), initiationFor(keyOf('a')), 0)))
    expect(handshakes).toEqual(['a', 'a', 'a', 'network-limit'])
  })

  it('of handshakes for nobody leaves those alone who were answered before, from another port too', () => {
    const sorter = sorterWith({ keyChecks: { perSecond: 1, burst: 6 } })
    answered(sorter, 1, 'a', 5)
    const flood = () => outcome(sorter.sort(source(1, '203.0.113.9'), initiationFor(keyOf('nobody')), 0))
    for (let count = 0; count < 5; count++) flood()
    expect(flood()).toBe('work-limit')
    expect(outcome(sorter.sort(source(1), initiationFor(keyOf('a')), 0))).toBe('a')
    expect(outcome(sorter.sort(source(2), initiationFor(keyOf('a')), 0))).toBe('a')
    expect(outcome(sorter.sort(source(3), initiationFor(keyOf('b')), 0))).toBe('work-limit')
  })
})

describe('answers', () => {
  it('that are none of WireGuard go nowhere, and a cookie makes no flow answered', () => {
    const sorter = sorterWith()
    const verdict = sorter.sort(source(1), initiationFor(keyOf('a')), 0)
    if ('drop' in verdict) throw new RangeError(verdict.drop)
    expect(sorter.answered(verdict.flow, Buffer.from('hello'), 0)).toEqual({ passes: false })
    expect(sorter.answered(verdict.flow, cookie(1), 0)).toMatchObject({ passes: true, first: false })
    expect(sorter.answered(verdict.flow, response(5, 1), 0)).toMatchObject({ passes: true, first: true })
    expect(sorter.answered(verdict.flow, data(1), 0)).toMatchObject({ passes: true, first: false })
  })
})
