import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createExpectations } from './expectations.ts'

describe('expectations', () => {
  it('hold until what was done is seen', () => {
    const clock = createVirtualClock()
    const expectations = createExpectations(clock)
    expectations.created('set', 'a')
    expectations.deleted('set', 'b')
    expect(expectations.outstandingMilliseconds('set')).toBe(300_000)
    expect(expectations.outstandingMilliseconds('other')).toBe(0)
    expectations.seen('a', 'present')
    expectations.seen('b', 'present')
    expect(expectations.outstandingMilliseconds('set')).toBeGreaterThan(0)
    expectations.seen('b', 'leaving')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
  })

  it('count what nobody sees yet, made or about to be', () => {
    const expectations = createExpectations(createVirtualClock())
    expectations.planned('set', 3)
    expect([expectations.coming('set'), expectations.coming('other')]).toEqual([3, 0])
    expectations.created('set', 'a')
    expectations.planned('set', 2)
    expectations.deleted('set', 'b')
    expect(expectations.coming('set')).toBe(3)
    expectations.seen('a', 'present')
    expect(expectations.coming('set')).toBe(2)
    expectations.created('set', 'c')
    expectations.planned('set', 0)
    expect(expectations.coming('set')).toBe(1)
    expectations.forget('set')
    expect(expectations.coming('set')).toBe(0)
  })

  it('ask again for what was asked for in vain, unless it is there when the set is counted', () => {
    const expectations = createExpectations(createVirtualClock())
    for (const name of ['x', 'y', 'z']) expectations.unanswered('set', name)
    expectations.answered('set', (name) => name === 'y')
    expectations.answered('other', () => true)
    const next = () => expectations.nextUnanswered('set')
    expect([next(), next(), next()]).toEqual(['x', 'z', undefined])
  })

  it('are met by events that overtake the answer', () => {
    const expectations = createExpectations(createVirtualClock())
    expectations.seen('a', 'present')
    expectations.created('set', 'a')
    expectations.seen('b', 'gone')
    expectations.deleted('set', 'b')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
    expectations.deleted('set', 'a')
    expect(expectations.outstandingMilliseconds('set')).toBeGreaterThan(0)
  })

  it('end after a while, or with their set', async () => {
    const clock = createVirtualClock()
    const expectations = createExpectations(clock)
    expectations.created('set', 'a')
    await clock.advance(300_000)
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
    expectations.created('set', 'c')
    expectations.forget('set')
    expect(expectations.outstandingMilliseconds('set')).toBe(0)
  })
})
