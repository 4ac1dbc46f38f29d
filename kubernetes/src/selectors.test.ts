import type { LabelSelector } from '@trellis/api/meta'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesSelector, parseSelectorText, selectorText } from './selectors.ts'

const labels = { color: 'red', size: 'big' }

describe('a label selector', () => {
  it.each<[string, boolean]>([
    ['', true],
    ['color=red', true],
    ['color==red', true],
    ['color = blue', false],
    ['color!=red', false],
    ['shape!=round', true],
    ['color in (red, blue)', true],
    ['color notin (red)', false],
    ['shape notin (round)', true],
    ['color', true],
    ['!color', false],
    ['!shape', true],
    ['color=red,size in (big,huge),!shape', true],
    ['color=red,size=small', false],
    ['empty=', false],
    ['toString', false],
    ['example.com/a-b_c.d=x', false],
  ])('%j selects by text: %s', (text, expected) => {
    expect(matchesSelector(parseSelectorText(text), labels)).toBe(expected)
  })

  it.each(['=', 'a=b=c', 'a in', 'a in b', '(a)', 'a,,b', '!'])('%j is refused', (text) => {
    expect(() => parseSelectorText(text)).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'labelSelector' }))
  })

  it('selects the same as an object and as text', () => {
    const word = fc.constantFrom('color', 'size', 'shape', 'red', 'big', 'round')
    const expression = fc.record({
      key: word,
      operator: fc.constantFrom('In' as const, 'NotIn' as const, 'Exists' as const, 'DoesNotExist' as const),
      values: fc.array(word, { minLength: 1, maxLength: 3 }),
    })
    const selector: fc.Arbitrary<LabelSelector> = fc.record({
      matchLabels: fc.dictionary(word, word),
      matchExpressions: fc.array(expression, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(selector, fc.dictionary(word, word), (made, given) => {
        expect(matchesSelector(parseSelectorText(selectorText(made)), given)).toBe(matchesSelector(made, given))
      }),
    )
  })
})
