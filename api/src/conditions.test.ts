import { describe, expect, it } from 'vitest'
import { findCondition, instantText, isConditionTrue, removeCondition, setCondition } from './conditions.ts'
import type { Condition } from './meta.ts'

const start = Date.UTC(2026, 0, 1)
const ready = { type: 'Ready', status: 'True', reason: 'Fine', message: 'all is well' } as const

describe('setCondition', () => {
  it('adds a condition with the instant', () => {
    expect(setCondition<Condition>(undefined, ready, start)).toEqual([
      { ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ])
  })

  it('keeps the instant while the status stays, whatever else changes', () => {
    const before = setCondition<Condition>(undefined, ready, start)
    const after = setCondition(before, { ...ready, reason: 'Better', observedGeneration: 2 }, start + 5000)
    expect(after).toEqual([
      { ...ready, reason: 'Better', observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ])
  })

  it('takes the new instant when the status changes, and keeps the order', () => {
    const other = { ...ready, type: 'Other', lastTransitionTime: 'x' }
    const before = [...setCondition<Condition>(undefined, ready, start), other]
    const after = setCondition(before, { ...ready, status: 'False' }, start + 5000)
    expect(after).toEqual([{ ...ready, status: 'False', lastTransitionTime: '2026-01-01T00:00:05Z' }, other])
  })

  it('leaves the conditions as they were when nothing new is said, also not the instant of writing', () => {
    const before = [{ ...ready, lastTransitionTime: 'x', lastUpdateTime: 'y' }]
    expect(setCondition(before, { ...ready, lastUpdateTime: 'z' }, start)).toEqual(before)
  })

  it('does not change its argument', () => {
    const before = Object.freeze([Object.freeze({ ...ready, lastTransitionTime: 'x' })])
    setCondition<Condition>(before, { ...ready, status: 'False' }, start)
    expect(before).toEqual([{ ...ready, lastTransitionTime: 'x' }])
  })
})

it('finds, asks and removes', () => {
  const conditions = setCondition<Condition>(undefined, ready, start)
  expect(findCondition(conditions, 'Ready')?.reason).toBe('Fine')
  expect(isConditionTrue(conditions, 'Ready')).toBe(true)
  expect(isConditionTrue(undefined, 'Ready')).toBe(false)
  expect(removeCondition(conditions, 'Ready')).toEqual([])
  expect(instantText(start + 999)).toBe('2026-01-01T00:00:00Z')
})
