import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideTransport, freshTransport, type TransportFacts, type TransportMemory } from './decide.ts'

const start = 1_000_000
const quietFacts: TransportFacts = {
  now: start,
  unansweredSince: undefined,
  relay: 'absent',
  udpWorks: false,
  relayUsedAt: undefined,
}
const minute = 60_000

/** A memory of something that has been so for a long time. */
function long(way: TransportMemory['way'], more: Partial<TransportMemory> = {}): TransportMemory {
  return { ...freshTransport(start - 10 * minute), way, ...more }
}

function silentFor(milliseconds: number, more: Partial<TransportFacts> = {}): TransportFacts {
  return { ...quietFacts, unansweredSince: start - milliseconds, ...more }
}

describe('the way of a link', () => {
  it.each<{ name: string; memory: TransportMemory; facts: TransportFacts; way: string; relayWanted: boolean }>([
    {
      name: 'stays UDP while questions are answered, without a relay',
      ...{ memory: long('udp'), facts: quietFacts, way: 'udp', relayWanted: false },
    },
    {
      name: 'stays UDP when one question is late',
      ...{ memory: long('udp'), facts: silentFor(700), way: 'udp', relayWanted: false },
    },
    {
      name: 'has a relay dialled before it is needed',
      ...{ memory: long('udp'), facts: silentFor(1600), way: 'udp', relayWanted: true },
    },
    {
      name: 'is TLS after three seconds of silence',
      ...{ memory: long('udp'), facts: silentFor(3000, { relay: 'connected' }), way: 'tls', relayWanted: true },
    },
    {
      name: 'stays UDP when the relay does not connect either',
      ...{ memory: long('udp'), facts: silentFor(minute, { relay: 'dialling' }), way: 'udp', relayWanted: true },
    },
    {
      name: 'stays TLS while questions are answered',
      ...{ memory: long('tls'), facts: { ...quietFacts, relay: 'connected' }, way: 'tls', relayWanted: true },
    },
    {
      name: 'returns once UDP was seen to work',
      ...{
        memory: long('tls'),
        facts: { ...quietFacts, relay: 'connected', udpWorks: true },
        way: 'returning',
        relayWanted: true,
      },
    },
    {
      name: 'gives UDP its turn when TLS brings no answer for ten seconds',
      ...{ memory: long('tls'), facts: silentFor(10_000, { relay: 'connected' }), way: 'returning', relayWanted: true },
    },
    {
      name: 'gives UDP its turn when the connection of the relay is lost for three seconds',
      ...{ memory: long('tls'), facts: silentFor(3000, { relay: 'dialling' }), way: 'returning', relayWanted: true },
    },
    {
      name: 'keeps the relay while something passes through it on the way back',
      ...{
        memory: long('returning'),
        facts: { ...quietFacts, relay: 'connected', relayUsedAt: start - 2000 },
        way: 'returning',
        relayWanted: true,
      },
    },
    {
      name: 'is UDP once nothing has passed through the relay for ten seconds',
      ...{
        memory: long('returning'),
        facts: { ...quietFacts, relay: 'connected', relayUsedAt: start - 10_000 },
        way: 'udp',
        relayWanted: false,
      },
    },
    {
      name: 'is TLS again when UDP falls silent on the way back',
      ...{ memory: long('returning'), facts: silentFor(3000, { relay: 'connected' }), way: 'tls', relayWanted: true },
    },
  ])('$name', ({ memory, facts, way, relayWanted }) => {
    const decision = decideTransport(memory, facts)
    expect(decision.memory.way).toBe(way)
    expect(decision.relayWanted).toBe(relayWanted)
    expect(decision.memory.since).toBe(way === memory.way ? memory.since : start)
  })

  it('gives a way that it has just taken its time, however long it was silent before', () => {
    const memory = { ...freshTransport(start - 1000), way: 'tls' as const }
    expect(decideTransport(memory, silentFor(minute, { relay: 'connected' })).memory.way).toBe('tls')
  })
})

describe('trying UDP', () => {
  it('happens only while TLS carries', () => {
    for (const way of ['udp', 'returning'] as const)
      expect(decideTransport(long(way), quietFacts).tryUdpEveryMilliseconds).toBe(0)
    expect(decideTransport(long('tls'), quietFacts).tryUdpEveryMilliseconds).toBe(2000)
  })

  it('becomes rarer when UDP goes away soon after each return, a minute at most, and often again after a long time', () => {
    let memory = long('tls')
    const pauses: number[] = []
    let now = start
    const decide = (facts: Partial<TransportFacts>) => {
      const decision = decideTransport(memory, { ...quietFacts, relay: 'connected', ...facts, now })
      memory = decision.memory
      return decision
    }
    for (let count = 0; count < 8; count++) {
      decide({ udpWorks: true })
      now += 5000
      pauses.push(decide({ unansweredSince: now - 3000 }).tryUdpEveryMilliseconds)
    }
    expect(pauses).toEqual([4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000])
    decide({ udpWorks: true })
    now += 10 * minute
    expect(decide({ unansweredSince: now - 3000 }).tryUdpEveryMilliseconds).toBe(2000)
  })

  it('is as often as ever when UDP only had its turn because TLS brought no answer', () => {
    const silent = (now: number) => ({
      ...silentFor(0),
      now,
      unansweredSince: start - minute,
      relay: 'connected' as const,
    })
    let { memory } = decideTransport(long('tls'), silent(start))
    expect(memory.way).toBe('returning')
    memory = decideTransport(memory, silent(start + 3000)).memory
    expect(memory).toMatchObject({ way: 'tls', failedReturns: 0 })
  })

  it('is rare too when the relay had ended before UDP went away soon after its return', () => {
    let memory: TransportMemory = long('tls')
    memory = decideTransport(memory, { ...quietFacts, relay: 'connected', udpWorks: true }).memory
    memory = decideTransport(memory, { ...quietFacts, now: start + 11_000, relay: 'connected' }).memory
    expect(memory.way).toBe('udp')
    const now = start + 30_000
    const facts = { ...quietFacts, now, unansweredSince: now - 3000, relay: 'connected' as const }
    expect(decideTransport(memory, facts).tryUdpEveryMilliseconds).toBe(4000)
  })
})

it('never leaves a way that brings answers, except TLS for UDP that works, or the way back at its end', () => {
  const memories = fc.record({
    way: fc.constantFrom('udp' as const, 'tls' as const, 'returning' as const),
    since: fc.integer({ min: start - minute, max: start }),
    failedReturns: fc.nat(80),
  })
  const facts = fc.record({
    now: fc.constant(start),
    unansweredSince: fc.constant(undefined),
    relay: fc.constantFrom('absent' as const, 'dialling' as const, 'connected' as const),
    udpWorks: fc.boolean(),
    relayUsedAt: fc.option(fc.integer({ min: start - minute, max: start }), { nil: undefined }),
  })
  fc.assert(
    fc.property(memories, facts, (memory, now) => {
      const { memory: after, tryUdpEveryMilliseconds, relayWanted } = decideTransport(memory, now)
      if (after.way !== memory.way)
        expect([memory.way, after.way]).toEqual(
          now.udpWorks && memory.way === 'tls' ? ['tls', 'returning'] : ['returning', 'udp'],
        )
      expect(tryUdpEveryMilliseconds).toBeLessThanOrEqual(minute)
      expect(relayWanted).toBe(after.way !== 'udp')
    }),
  )
})
