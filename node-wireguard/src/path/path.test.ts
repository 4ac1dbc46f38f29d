import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { parseIpAddress } from '../address.ts'
import { readHome } from './home.ts'
import { askerOf, decodeProbe, encodeProbe, homeOf, probeBytes } from './message.ts'
import { startPathProbe } from './probe.ts'
import { createSigns } from './signs.ts'
import { isSilent, lossRatio, type PathState, pathAfter, pauseAfterQuestion, unknownPath } from './state.ts'

describe('a probe on the wire', () => {
  it('is read back', () => {
    const messages = fc.record({
      kind: fc.constantFrom('question' as const, 'answer' as const, 'filled-question' as const),
      asker: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
      sequence: fc.nat(0xffff_ffff),
      sender: fc.record({ carries: fc.boolean(), leaving: fc.boolean() }),
      deaf: fc.boolean(),
    })
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeProbe(encodeProbe(message))).toEqual(message)
      }),
    )
  })

  it('may be filled when it is a question about sizes', () => {
    const said = { asker: '00112233aabbccdd', sender: { carries: true, leaving: false }, deaf: false }
    fc.assert(
      fc.property(fc.integer({ min: probeBytes, max: 9000 }), fc.nat(0xffff_ffff), (length, sequence) => {
        const bytes = encodeProbe({ kind: 'filled-question', sequence, ...said }, length)
        expect(bytes).toHaveLength(length)
        expect(decodeProbe(bytes)).toEqual({ kind: 'filled-question', sequence, ...said })
      }),
    )
    const question = { kind: 'question', sequence: 1, ...said } as const
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
  const interval = 500
  const ask = (state: PathState, sequence: number, now = 0, signsOfLife = false) =>
    pathAfter(state, { kind: 'asked', sequence, now, signsOfLife }, interval)
  const answer = (state: PathState, sequence: number, roundTripMilliseconds = 3) =>
    pathAfter(state, { kind: 'answered', sequence, now: 1000 + sequence, roundTripMilliseconds }, interval)
  const up = answer(ask(unknownPath, 1), 1)

  it('is up with the first answer and down after two intervals without one', () => {
    expect(ask(unknownPath, 1).up).toBe(false)
    expect(up).toMatchObject({ up: true, missedInRow: 0, roundTripMilliseconds: 3, lastAnswer: 1001 })
    const asks = [2, 3, 4, 5, 6]
    let state = asks.reduce((before, sequence) => ask(before, sequence, 199.8 * (sequence - 1)), up)
    expect(state).toMatchObject({ up: true, missedInRow: 4 })
    state = ask(state, 7, 1200)
    expect(state).toMatchObject({ up: false, missedInRow: 5, silence: { since: 199.8, questions: 6 } })
    expect(isSilent(state, 1200, interval)).toBe(true)
    expect(answer(state, 4)).toMatchObject({ up: true, missedInRow: 0, silence: undefined })
  })

  it('is not down for a process that stood still', () => {
    expect(ask(ask(ask(up, 2, 0), 3, 500), 4, 60_000).up).toBe(true)
  })

  it('stays up while there are other signs of life, but not for long', () => {
    let state = up
    for (let now = 0; now < 5000; now += 100) {
      state = ask(state, 2 + now, now, true)
      expect(state.up).toBe(true)
    }
    expect(ask(state, 9000, 5000, true).up).toBe(false)
    expect(ask(state, 9000, 4900, false).up).toBe(false)
  })

  it('stays up when every answer comes late, however late', () => {
    let state = up
    for (let sequence = 2; sequence < 50; sequence++) {
      state = ask(state, sequence, sequence * interval)
      if (sequence > 7) state = answer(state, sequence - 5, 5 * interval)
      if (sequence > 7) expect(state.up).toBe(true)
    }
  })

  it('stays up when some questions of any second are answered, and goes down when none is', () => {
    const pattern = fc.array(fc.boolean(), { minLength: 20, maxLength: 200 })
    fc.assert(
      fc.property(pattern, (answers) => {
        let [state, now, silentSince] = [up, 0, undefined as number | undefined]
        let asked = 0
        for (const [index, answered] of answers.entries()) {
          state = ask(state, index + 2, now)
          silentSince ??= now
          asked++
          const silent = asked >= 6 && now - silentSince >= 2 * interval
          if (silent) expect(state.up).toBe(false)
          else expect(state.up || silentSince === 0).toBe(true)
          now += pauseAfterQuestion(state, interval)
          if (!answered) continue
          state = answer(state, index + 2)
          ;[silentSince, asked] = [undefined, 0]
          expect(state.up).toBe(true)
        }
      }),
    )
  })

  it('is asked more often while an answer is overdue, and at leisure when all is well or nobody is there', () => {
    const overdue = (state: PathState) => pauseAfterQuestion(ask(state, 9), interval)
    expect(overdue(up)).toBe(100)
    expect(pauseAfterQuestion(ask(ask(up, 2), 3), interval)).toBe(100)
    expect(overdue(answer(ask(unknownPath, 1), 1, 120))).toBe(240)
    expect(overdue(answer(ask(unknownPath, 1), 1, 900))).toBe(interval)
    expect(overdue(unknownPath)).toBe(interval)
  })

  it('hardly ever goes down when a third of the questions are lost', () => {
    const random = createSeededRandom('loss')
    let [state, now, outages] = [up, 0, 0]
    for (let sequence = 2; now < 3_600_000; sequence++) {
      state = ask(state, sequence, now)
      if (!state.up) outages++
      const pause = pauseAfterQuestion(state, interval)
      if (random.integer(100) < 36) now += pause
      else {
        now = Math.max(now, (state.silence?.since ?? 0) + interval)
        state = answer(state, sequence)
      }
    }
    expect(outages).toBeLessThanOrEqual(1)
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

describe('signs of life', () => {
  const message = { deaf: false }

  it('are packets that come in and words of the other end, unless it hears nothing', async () => {
    const clock = createVirtualClock()
    let packets: number | undefined = 5
    const signs = createSigns({ clock, intervalMilliseconds: 500, received: () => packets })
    expect(signs.deaf()).toBe(true)
    expect(signs.ofLife(true)).toBe(false)
    signs.hear(message)
    expect([signs.deaf(), signs.ofLife(true)]).toEqual([false, true])
    await clock.advance(1000)
    expect([signs.deaf(), signs.ofLife(false)]).toEqual([true, false])
    packets = 6
    expect([signs.ofLife(false), signs.deaf()]).toEqual([true, false])
    await clock.advance(1000)
    // What came before the silence is no sign.
    packets = 7
    expect(signs.ofLife(true)).toBe(false)
    packets = undefined
    expect(signs.ofLife(false)).toBe(false)
    signs.hear({ deaf: true })
    expect([signs.deaf(), signs.ofLife(false)]).toEqual([false, false])
  })
})

describe('a path probe', () => {
  const pair = { a: parseIpAddress('127.0.53.1'), b: parseIpAddress('127.0.53.2') }
  const own = () => ({ carries: false, leaving: false })
  const options = { own, home: '0a0b0c0d', random: createSeededRandom('probe'), port: 20_000 + (process.pid % 20_000) }

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
    expect(here.state()).toMatchObject({ up: false, silence: { since: expect.any(Number) } })
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
    await using here = await startPathProbe({
      ...ask,
      localAddress: pair.a,
      peerAddress: pair.b,
      own: () => mine,
      home: '01020304',
    })
    await eventually('a first word', () => there.other())
    mine = { carries: true, leaving: true }
    here.ask()
    await eventually('news', () => (there.other()?.leaving ? true : undefined))
    expect(heard).toEqual([
      { carries: false, leaving: false, home: '01020304' },
      { ...mine, home: '01020304' },
    ])
    // Answers do not say whose they are.
    expect(here.other()?.home).toBeUndefined()
    there.ask()
    await eventually('a question', () => here.other()?.home)
    expect(here.other()?.home).toBe('0a0b0c0d')
  })

  it('knows its home by the network namespace', async () => {
    const home = await readHome()
    expect(home).toMatch(/^[0-9a-f]{8}$/)
    expect(await readHome()).toBe(home)
    expect(homeOf(askerOf(home, options.random))).toBe(home)
    expect(askerOf(home, options.random)).not.toBe(askerOf(home, options.random))
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
