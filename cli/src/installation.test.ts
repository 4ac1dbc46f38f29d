import { describe, expect, it } from 'vitest'
import { readInstallation } from './installation.ts'

describe('readInstallation', () => {
  it('has directories of its own for each name', () => {
    expect(readInstallation({}, '/r')).toMatchObject({
      stateDirectory: '/var/lib/trellis',
      runDirectory: '/run/trellis',
    })
    expect(readInstallation({ TRELLIS_INSTANCE: 'blue' }, '/r')).toMatchObject({
      stateDirectory: '/var/lib/trellis-blue',
      cacheDirectory: '/var/cache/trellis',
    })
  })

  it('grows networks by the SDKs unless told', () => {
    expect(readInstallation({}, '/r').infrastructure).toBe('sdk')
    expect(readInstallation({ TRELLIS_INFRASTRUCTURE: 'opentofu' }, '/r').infrastructure).toBe('opentofu')
  })

  it.each([
    ['TRELLIS_INSTANCE', 'too-long-name'],
    ['TRELLIS_INSTANCE', 'Blue'],
    ['TRELLIS_INSTANCE', ''],
    ['TRELLIS_PUBLIC_PREFIX', '198.18.0'],
    ['TRELLIS_PUBLIC_PREFIX', 'a.b'],
    ['TRELLIS_PUBLIC_PREFIX', '300.18'],
    ['TRELLIS_INFRASTRUCTURE', 'terraform'],
  ])('refuses %s=%s and names it', (name, value) => {
    expect(() => readInstallation({ [name]: value }, '/r')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: name }),
    )
  })
})
