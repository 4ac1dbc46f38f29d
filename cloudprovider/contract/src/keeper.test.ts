import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKeeper } from './keeper.ts'

function open(most: number) {
  const [opened, closed]: [string[], string[]] = [[], []]
  const keeper = createKeeper<string>({ most, close: (value) => closed.push(value) })
  const use = (key: string) =>
    keeper.of(key, () => {
      opened.push(key)
      return key
    })
  return { keeper, use, opened, closed }
}

describe('a keeper', () => {
  it('opens once for each key', () => {
    const { use, opened } = open(2)
    expect([use('a'), use('b'), use('a')]).toEqual(['a', 'b', 'a'])
    expect(opened).toEqual(['a', 'b'])
  })

  it('lets the one that rested longest give way, and opens it anew when it is asked for', () => {
    const { use, opened, closed } = open(2)
    for (const key of ['a', 'b', 'a', 'c', 'b']) use(key)
    expect(closed).toEqual(['b', 'a'])
    expect(opened).toEqual(['a', 'b', 'c', 'b'])
  })

  it('keeps nothing of what could not be opened, and lets nothing give way for it', () => {
    const { keeper, use, closed } = open(1)
    use('a')
    const failure = new Failure('Invalid', 'no')
    expect(() =>
      keeper.of('b', () => {
        throw failure
      }),
    ).toThrow(failure)
    expect(closed).toEqual([])
    expect(use('b')).toBe('b')
  })

  it('keeps no more than it may, has closed all others once, and closes the rest at the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.constantFrom(...'abcdef')), (most, keys) => {
        const { keeper, use, opened, closed } = open(most)
        for (const key of keys) {
          expect(use(key)).toBe(key)
          expect(opened.length - closed.length).toBeLessThanOrEqual(most)
        }
        keeper[Symbol.dispose]()
        keeper[Symbol.dispose]()
        expect(closed.toSorted()).toEqual(opened.toSorted())
      }),
    )
  })
})
