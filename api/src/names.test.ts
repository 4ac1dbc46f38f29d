import { expect, it } from 'vitest'
import { isDnsLabel, isDnsSubdomain, isLabelValue, isQualifiedName } from './names.ts'

it.each([
  ['a', true],
  ['a-1', true],
  ['-a', false],
  ['a-', false],
  ['A', false],
  ['a.b', false],
  ['', false],
  ['a'.repeat(64), false],
])('isDnsLabel(%j) is %s', (text, verdict) => {
  expect(isDnsLabel(text)).toBe(verdict)
})

it.each([
  ['example.com/name', true],
  ['name', true],
  ['Example.com/name', false],
  ['a/b/c', false],
  ['/name', false],
  ['example.com/', false],
  ['name_1.x', true],
])('isQualifiedName(%j) is %s', (text, verdict) => {
  expect(isQualifiedName(text)).toBe(verdict)
})

it('knows values of labels and names of objects', () => {
  expect(isLabelValue('')).toBe(true)
  expect(isLabelValue('a b')).toBe(false)
  expect(isDnsSubdomain('a.b-c')).toBe(true)
  expect(isDnsSubdomain('a..b')).toBe(false)
})
