import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

describe('turns', () => {
  it('wakes those that wait in their order, as many as there is room for', () => {
    const woken: string[] = []
    const turns = createTurns(2, (key) => void woken.push(key))
    expect(['a', 'b', 'c', 'd', 'e'].map(turns.take)).toEqual([true, true, false, false, false])
    turns.give()
    expect(woken).toEqual(['c'])
    expect(turns.take('c')).toBe(true)
    expect(turns.take('f')).toBe(false)
    turns.give()
    turns.give()
    expect(woken).toEqual(['c', 'd', 'e', 'f'])
  })

  it('goes on when one that was woken does not come', () => {
    const woken: string[] = []
    const turns = createTurns(1, (key) => void woken.push(key))
    turns.take('a')
    for (const key of ['gone', 'b']) turns.take(key)
    turns.give()
    expect(woken).toEqual(['gone'])
    expect(turns.take('c')).toBe(true)
    turns.give()
    expect(woken).toEqual(['gone', 'b'])
  })

  it('does not wake whoever had a turn meanwhile', () => {
    const woken: string[] = []
    const turns = createTurns(1, (key) => void woken.push(key))
    turns.take('a')
    turns.take('b')
    turns.give()
    turns.take('b')
    turns.give()
    expect(woken).toEqual(['b'])
  })
})
