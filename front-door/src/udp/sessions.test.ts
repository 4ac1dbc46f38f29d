import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSessions } from './sessions.ts'

const minutes = 60_000

describe('sessions', () => {
  it('are known for three minutes at least and nine at most, whoever else asks or is learnt meanwhile', () => {
    const pauses = fc.array(fc.nat(4 * minutes), { maxLength: 8 })
    fc.assert(
      fc.property(pauses, pauses, (before, after) => {
        const sessions = createSessions(1000)
        let now = 0
        for (const pause of before) {
          now += pause
          sessions.learn(2, 'b', now)
        }
        const learnt = now
        sessions.learn(1, 'a', learnt)
        for (const pause of after) {
          now += pause
          const age = now - learnt
          const found = sessions.find(1, now)
          if (age < 3 * minutes) expect(found).toBe('a')
          if (age >= 9 * minutes) expect(found).toBeUndefined()
        }
      }),
    )
  })

  it('are no more than twice the limit, the oldest going first', () => {
    const sessions = createSessions(2)
    for (const index of [1, 2, 3, 4, 5]) sessions.learn(index, 'a', 0)
    expect([1, 2, 3, 4, 5].map((index) => sessions.find(index, 0))).toEqual([undefined, undefined, 'a', 'a', 'a'])
  })

  it('belong to whom they were learnt of last', () => {
    const sessions = createSessions(10)
    sessions.learn(1, 'a', 0)
    sessions.learn(1, 'b', 1)
    expect(sessions.find(1, 2)).toBe('b')
  })
})
