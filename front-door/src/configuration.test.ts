import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configurationParser } from './configuration.ts'
import { parseDestinations } from './destinations/destinations.ts'

describe('the configuration of front-door', () => {
  it('and its destinations are what the README shows', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const [configuration, destinations] = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => text)
    const parsed = JSON.parse(configuration ?? '')
    expect(configurationParser.parse(parsed)).toBe(parsed)
    expect(parseDestinations(destinations ?? '').tunnels).toHaveLength(1)
  })

  it.each([
    ['healthport', { healthport: 1 }],
    ['udp.prot', { udp: { port: 1, prot: 1 } }],
    ['udp.port', { udp: { port: 0 } }],
    ['udp.limits.keyChecks.burst', { udp: { port: 1, limits: { keyChecks: { perSecond: 1, burst: 0 } } } }],
    ['destinations', { destinations: undefined }],
    ['destinations', { destinations: {} }],
    ['destinations.services.token', { destinations: { services: { token: 'x' } } }],
  ])('names %s when it is wrong', (field, change) => {
    const file = { destinations: { files: '/etc/destinations' }, udp: { port: 51_820 }, healthPort: 9112 }
    expect(configurationParser.fits(file)).toBe(true)
    expect(() => configurationParser.parse(JSON.parse(JSON.stringify({ ...file, ...change })))).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })
})
