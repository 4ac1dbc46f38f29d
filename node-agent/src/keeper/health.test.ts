import { describe, expect, it } from 'vitest'
import { decideHealth, healthLimits, type UnitHealth, wellUnit } from './health.ts'

const second = 1_000
const minute = 60 * second

/** Looks at a unit every ten seconds; answers the instants, in seconds, of the restarts. */
function restartsOf(answers: (at: number) => boolean, untilMilliseconds: number): number[] {
  let health: UnitHealth = wellUnit
  const restarts: number[] = []
  for (let now = 10 * second; now <= untilMilliseconds; now += 10 * second) {
    const decision = decideHealth(health, answers(now), now)
    health = decision.next
    if (decision.restart) restarts.push(now / second)
  }
  return restarts
}

describe('decideHealth', () => {
  it('leaves a unit alone that answers', () => {
    expect(restartsOf(() => true, 60 * minute)).toEqual([])
  })

  it('forgives two misses in a row', () => {
    expect(restartsOf((at) => (at / second) % 30 === 0, 60 * minute)).toEqual([])
  })

  it('starts a silent unit anew after three misses, and then more and more seldom', () => {
    expect(restartsOf(() => false, 45 * minute)).toEqual([30, 90, 210, 450, 930, 1530, 2130])
  })

  it('forgives the past of a unit that was well for ten minutes', () => {
    const restarts = restartsOf((at) => at > 30 * second && at <= 12 * minute, 14 * minute)
    expect(restarts).toEqual([30, 12 * 60 + 30, 12 * 60 + 90])
  })

  it('remembers restarts that were not followed by calm', () => {
    const health = { misses: 2, restarts: 2, lastRestartAt: 0 }
    expect(decideHealth(health, true, minute).next.restarts).toBe(2)
    expect(decideHealth(health, true, healthLimits.calmMilliseconds).next).toEqual(wellUnit)
    expect(decideHealth(health, false, minute).restart).toBe(false)
    expect(decideHealth(health, false, 2 * minute).restart).toBe(true)
  })
})
