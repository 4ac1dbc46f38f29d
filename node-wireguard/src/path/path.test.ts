import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { parseIpAddress } from '../address.ts'
import { decodeProbe, encodeProbe } from './message.ts'
import { startPathProbe } from './probe.ts'
import { lossRatio, type PathState, pathAfter, unknownPath } from './state.ts'

describe('a probe on the wire', () => {
  it('is read back', () => {
    const messages = fc.record({
      kind: fc.constantFrom('question' as const, 'answer' as const),
      asker: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
      sequence: fc.nat(0xffff_ffff),
      sender: fc.record({ carries: fc.boolean(), leaving: fc.boolean() }),
    })
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeProbe(encodeProbe(message))).toEqual(message)
      }),
    )
  })

  it('is told from anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(decodeProbe(Buffer.from(bytes))).toBeUndefined()
      }),
    )
  })
})

describe('a path', () => {
  const ask = (state: PathState, sequence: number) => pathAfter(state, { kind: 'asked', sequence })
  const answer = (state: PathState, sequence: number) =>
    pathAfter(state, { kind: 'answered', sequence, now: 1000 + sequence, roundTripMilliseconds: 3 })

  it('is up with the first answer and down after two questions without one', () => {
    let state = ask(unknownPath, 1)
    expect(state.up).toBe(false)
    state = answer(state, 1)
    expect(state).toMatchObject({ up: true, missedInRow: 0, roundTripMilliseconds: 3, lastAnswer: 1001 })
    state = ask(ask(state, 2), 3)
    expect(state).toMatchObject({ up: true, missedInRow: 1 })
    state = ask(state, 4)
    expect(state).toMatchObject({ up: false, missedInRow: 2 })
    expect(answer(state, 4)).toMatchObject({ up: true, missedInRow: 0 })
  })

  it('stays up when every answer comes late', () => {
    let state = answer(ask(unknownPath, 1), 1)
    for (let sequence = 2; sequence < 20; sequence++) {
      state = answer(ask(ask(state, 2 * sequence), 2 * sequence + 1), 2 * sequence)
      expect(state.up).toBe(true)
    }
  })

  it('counts losses among the last sixty questions, the open one left out', () => {
    expect(lossRatio(unknownPath)).toBe(0)
    let state = unknownPath
    for (let sequence = 1; sequence <= 200; sequence++) {
      state = ask(state, sequence)
      if (sequence % 4 !== 0) state = answer(state, sequence)
    }
    expect(state.window).toHaveLength(60)
    expect(lossRatio(state)).toBeCloseTo(14 / 59)
  })

  it('takes no answer to a question that nobody asked', () => {
    expect(answer(unknownPath, 7)).toBe(unknownPath)
  })
})

describe('a path probe', () => {
  const pair = { a: parseIpAddress('127.0.53.1'), b: parseIpAddress('127.0.53.2') }
  const own = () => ({ carries: false, leaving: false })
  const options = { own, random: createSeededRandom('probe'), port: 20_000 + (process.pid % 20_000) }

  it('finds the other end, answers it, and misses it when it is gone', async () => {
    const clock = createVirtualClock()
    const ask = { ...options, clock, intervalMilliseconds: 500 }
    await using here = await startPathProbe({ ...ask, localAddress: pair.a, peerAddress: pair.b })
    const there = await startPathProbe({ ...ask, localAddress: pair.b, peerAddress: pair.a })
    await clock.advance(500)
    await eventually('answers both ways', () => (here.state().up && there.state().up ? true : undefined))
    expect(here.state().roundTripMilliseconds).toBeGreaterThan(0)
    await there[Symbol.asyncDispose]()
    await clock.advance(1500)
    expect(here.state()).toMatchObject({ up: false, missedInRow: 2 })
  })

  it('tells the other end what this one says of itself, and at once when asked', async () => {
    const clock = createVirtualClock()
    const ask = { ...options, port: options.port + 1, clock, intervalMilliseconds: 500 }
    let mine = { carries: false, leaving: false }
    const heard: unknown[] = []
    await using there = await startPathProbe({
      ...ask,
      localAddress: pair.b,
      peerAddress: pair.a,
      onOther: (other) => heard.push(other),
    })
    await using here = await startPathProbe({ ...ask, localAddress: pair.a, peerAddress: pair.b, own: () => mine })
    await eventually('a first word', () => there.other())
    mine = { carries: true, leaving: true }
    here.ask()
    await eventually('news', () => (there.other()?.leaving ? true : undefined))
    expect(heard).toEqual([{ carries: false, leaving: false }, mine])
  })

  it('says so when its address is not there', async () => {
    const clock = createSystemClock()
    await expect(
      startPathProbe({
        ...options,
        clock,
        intervalMilliseconds: 500,
        localAddress: parseIpAddress('203.0.113.77'),
        peerAddress: pair.b,
      }),
    ).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})
