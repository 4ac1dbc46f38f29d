import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { parseIpAddress } from '../address.ts'
import { decodeProbe, encodeProbe, probeBytes } from './message.ts'
import { startPathProbe } from './probe.ts'
import { lossRatio, type PathState, pathAfter, unknownPath } from './state.ts'

describe('a probe on the wire', () => {
  it('is read back', () => {
    const messages = fc.record({
      kind: fc.constantFrom('question' as const, 'answer' as const, 'filled-question' as const),
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

  it('may be filled when it is a question about sizes', () => {
    const [asker, sender] = ['00112233aabbccdd', { carries: true, leaving: false }]
    fc.assert(
      fc.property(fc.integer({ min: probeBytes, max: 9000 }), fc.nat(0xffff_ffff), (length, sequence) => {
        const bytes = encodeProbe({ kind: 'filled-question', asker, sequence, sender }, length)
        expect(bytes).toHaveLength(length)
        expect(decodeProbe(bytes)).toEqual({ kind: 'filled-question', asker, sequence, sender })
      }),
    )
    const question = { kind: 'question', asker, sequence: 1, sender } as const
    for (const wrong of [probeBytes - 1, probeBytes + 1, 70_000, 20.5]) {
      expect(() => encodeProbe(question, wrong)).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'length' }))
    }
    expect(decodeProbe(Buffer.concat([encodeProbe(question), Buffer.alloc(1)]))).toBeUndefined()
    const filled = encodeProbe({ ...question, kind: 'filled-question' }, 100)
    filled[99] = 1
    expect(decodeProbe(filled)).toBeUndefined()
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

  it('finds the size that passes, and asks for it again when told', async () => {
    const clock = createVirtualClock()
    const ask = { ...options, port: options.port + 2, clock, intervalMilliseconds: 500 }
    await using _ = await startPathProbe({ ...ask, localAddress: pair.b, peerAddress: pair.a })
    const found: number[] = []
    await using here = await startPathProbe({
      ...ask,
      localAddress: pair.a,
      peerAddress: pair.b,
      sizes: { limits: { floor: 576, start: 1420, ceiling: 8920 }, onSize: (size) => found.push(size) },
    })
    await eventually('the largest size', () => (here.size() === 8920 ? true : undefined))
    expect(found.at(-1)).toBe(8920)
    here.resize({ floor: 576, start: 1280, ceiling: 1380 })
    expect(here.size()).toBe(1380)
    expect(found.at(-1)).toBe(1380)
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
