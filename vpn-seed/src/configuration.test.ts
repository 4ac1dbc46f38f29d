import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configurationParser } from './configuration.ts'

describe('the configuration of vpn-seed', () => {
  it('is what the README shows', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const example = JSON.parse(/```json\n(.*?)```/s.exec(readme)?.[1] ?? '')
    expect(configurationParser.parse(example)).toBe(example)
  })

  it.each([
    ['mtuu', (file: object) => ({ ...file, mtuu: 1 })],
    ['peer.endpiont', (file: object) => ({ ...file, peer: { publicKey: 'x', endpiont: 'x' } })],
    ['listenPort', (file: object) => ({ ...file, listenPort: 0 })],
    ['networks.pods', (file: object) => ({ ...file, networks: { pods: [] } })],
    ['privateKeyFile', (file: object) => ({ ...file, privateKeyFile: undefined })],
  ])('names %s when it is wrong', (field, change) => {
    const file = {
      interface: 'wg-shoot',
      privateKeyFile: '/key',
      peer: { publicKey: 'x' },
      tunnelAddresses: ['192.168.123.1'],
      peerAddresses: ['192.168.123.2'],
      networks: { pods: ['100.96.0.0/16'] },
      healthPort: 9110,
    }
    expect(configurationParser.fits(file)).toBe(true)
    expect(() => configurationParser.parse(JSON.parse(JSON.stringify(change(file))))).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })
})
