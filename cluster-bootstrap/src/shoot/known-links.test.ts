import { instantText } from '@trellis/api/conditions'
import { describe, expect, it } from 'vitest'
import { type LinkStage, missingLinks } from './known-links.ts'

const now = Date.UTC(2026, 5, 1)
const report = (peers: Readonly<Record<string, boolean>> | undefined, age = 0) =>
  JSON.stringify({
    ...{ up: true, reason: 'connected', explanation: 'well', reportedAt: instantText(now - age) },
    ...(peers === undefined ? {} : { peers }),
  })

describe('links that are missing', () => {
  it.each<[string, Readonly<Record<string, string>>, LinkStage, string | undefined]>([
    ['nobody reports', {}, 'up', undefined],
    ['nobody who reports lives', { a: report({}, 3_600_000) }, 'up', undefined],
    ['who reports does not tell of links', { a: report(undefined) }, 'up', undefined],
    ['it is not known', { a: report({ 'vpn-seed': true }) }, 'known', 'links are not known yet: a to vpn-seed-1'],
    ['it is known', { a: report({ 'vpn-seed-1': false }) }, 'known', undefined],
    ['it does not answer', { a: report({ 'vpn-seed-1': false }) }, 'up', 'links are not up yet: a to vpn-seed-1'],
    ['it answers', { a: report({ 'vpn-seed-1': true }) }, 'up', undefined],
    [
      'it answers one of two',
      { a: report({ 'vpn-seed-1': true }), b: report({ 'vpn-seed-1': false }) },
      'up',
      'links are not up yet: b to vpn-seed-1',
    ],
  ])('when %s', (_, data, stage, missing) => {
    expect(missingLinks(data, { peers: ['vpn-seed-1'], stage, now })).toBe(missing)
  })
})
