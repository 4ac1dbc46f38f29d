import { expect, test } from 'vitest'
import { cacheDirectoryOf } from './cache-directory.ts'

test('parts lie where the environment says, else where all installations look', () => {
  expect(cacheDirectoryOf({ TRELLIS_CACHE: '/data/parts' })).toBe('/data/parts')
  expect(cacheDirectoryOf({})).toBe('/var/cache/trellis')
})
