import fc from 'fast-check'
import { expect, test } from 'vitest'
import { oneByteSource } from './one-byte-source.ts'

const evaluate = (code: string): unknown => Function(`return ${code}`)()
const isOneByte = (code: string): boolean => /^[\0-\xff]*$/.test(code)

test('texts, templates and patterns mean the same in one byte for each character', () => {
  const texts = fc.string({ unit: 'grapheme' }).filter((text) => !/[\\`$]/.test(text))
  fc.assert(
    fc.property(texts, (text) => {
      for (const code of [JSON.stringify(text), `\`${text}\``, `({ ${JSON.stringify(text)}: 1 })`]) {
        expect(isOneByte(oneByteSource(code))).toBe(true)
        expect(evaluate(oneByteSource(code))).toEqual(evaluate(code))
      }
    }),
  )
  const patterns = ['/^[–・]$/', '/^[–・]$/u', '/^\u{1f600}$/u', '/[а-я]/i']
  for (const pattern of patterns)
    for (const text of ['–', '・', '\u{1f600}', 'Я', 'x'])
      expect((evaluate(oneByteSource(pattern)) as RegExp).test(text)).toBe((evaluate(pattern) as RegExp).test(text))
})

test('what is in one byte already stays as it is', () => {
  const code = 'const größe = "½" // §\n'
  expect(oneByteSource(code)).toBe(code)
})

test('a raw template that cannot be escaped is refused', () => {
  expect(() => oneByteSource('const text = String.raw`a–b`')).toThrow('raw template')
  expect(oneByteSource('const text = String.raw`a-b` // –')).toBe('const text = String.raw`a-b` // \\u2013')
})
