import { instantText } from '@trellis/api/conditions'
import { describe, expect, it } from 'vitest'
import { shootEndSays } from './shoot-end-says.ts'

const now = Date.UTC(2026, 0, 1)
const report = (fields: object, ageSeconds = 10) =>
  JSON.stringify({
    up: true,
    reason: 'connected',
    explanation: '',
    ...fields,
    reportedAt: instantText(now - ageSeconds * 1000),
  })
const silent = { up: false, reason: 'no-answer', explanation: 'nothing comes back by UDP' }

describe("what the shoot's end says", () => {
  it.each([
    ['an end that is cut off', { a: report(silent) }, 'a says no-answer: nothing comes back by UDP'],
    ['an end that sees nothing wrong', { a: report({}) }, 'a says that the tunnel is up'],
    [
      'several',
      { b: report({}), a: report(silent) },
      'a says no-answer: nothing comes back by UDP; b says that the tunnel is up',
    ],
    [
      'one that is gone beside one that lives',
      { a: report(silent, 600), b: report({}) },
      'b says that the tunnel is up',
    ],
  ])('%s', (_what, data, said) => {
    expect(shootEndSays(data as unknown as Record<string, string>, now)).toBe(said)
  })

  it.each([[{}], [{ a: report({}, 151) }], [{ a: 'nonsense' }]])('is that nobody is there: %j', (data) => {
    expect(shootEndSays(data as Record<string, string>, now)).toMatch(/has not reported for minutes/)
  })
})
