import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configurationParser } from './configuration.ts'

const usual = {
  tunnelAddresses: ['192.168.123.1'],
  links: [
    {
      interface: 'wg-shoot',
      privateKeyFile: '/key',
      addresses: ['192.168.123.129'],
      peer: { publicKey: 'x', addresses: ['192.168.123.130'], tunnelAddresses: ['192.168.123.2'] },
    },
  ] as const,
  networks: { pods: ['100.96.0.0/16'] },
  healthPort: 9110,
}
type Usual = typeof usual

function withLink(file: Usual, change: object): object {
  return { ...file, links: [{ ...file.links[0], ...change }] }
}

describe('the configuration of vpn-seed', () => {
  it('is what the README shows', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const example = JSON.parse(/```json\n(.*?)```/s.exec(readme)?.[1] ?? '')
    expect(configurationParser.parse(example)).toBe(example)
  })

  it.each([
    ['mtuu', (file: object) => ({ ...file, mtuu: 1 })],
    ['links[0].peer.endpiont', (file: Usual) => withLink(file, { peer: { ...file.links[0].peer, endpiont: 'x' } })],
    ['links[0].listenPort', (file: Usual) => withLink(file, { listenPort: 0 })],
    ['networks.pods', (file: object) => ({ ...file, networks: { pods: [] } })],
    ['links[0].privateKeyFile', (file: Usual) => withLink(file, { privateKeyFile: undefined })],
    ['links', (file: object) => ({ ...file, links: [] })],
  ])('names %s when it is wrong', (field, change) => {
    expect(configurationParser.fits(usual)).toBe(true)
    expect(() => configurationParser.parse(JSON.parse(JSON.stringify(change(usual))))).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })
})
