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

  it('lets each shoot have a door of its own, and its API server share a pod with the tunnel, unless told', () => {
    expect(readInstallation({}, '/r')).toMatchObject({ tunnelDoor: 'shoot', httpConnect: false })
    const told = { TRELLIS_TUNNEL_DOOR: 'seed', TRELLIS_HTTP_CONNECT: 'yes' }
    expect(readInstallation(told, '/r')).toMatchObject({ tunnelDoor: 'seed', httpConnect: true })
  })

  it('says which values a variable may have', () => {
    expect(() => readInstallation({ TRELLIS_TUNNEL_DOOR: 'both' }, '/r')).toThrow(
      expect.objectContaining({ remedy: 'say shoot or seed, or leave it out' }),
    )
  })

  it.each([
    ['TRELLIS_INSTANCE', 'too-long-name'],
    ['TRELLIS_INSTANCE', 'Blue'],
    ['TRELLIS_INSTANCE', ''],
    ['TRELLIS_PUBLIC_PREFIX', '198.18.0'],
    ['TRELLIS_PUBLIC_PREFIX', 'a.b'],
    ['TRELLIS_PUBLIC_PREFIX', '300.18'],
    ['TRELLIS_INFRASTRUCTURE', 'terraform'],
    ['TRELLIS_TUNNEL_DOOR', '192.0.2.1'],
    ['TRELLIS_HTTP_CONNECT', 'true'],
    ['TRELLIS_HTTP_CONNECT', ''],
  ])('refuses %s=%s and names it', (name, value) => {
    expect(() => readInstallation({ [name]: value }, '/r')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: name }),
    )
  })
})
