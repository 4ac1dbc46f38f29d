import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSeededRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey, publicKeyOf } from '../key.ts'
import type { LinkFile, TunnelFile } from './file.ts'
import { readTunnelSettings } from './read-settings.ts'

const random = createSeededRandom('settings')
const privateKey = generatePrivateKey(random)
const publicKey = publicKeyOf(generatePrivateKey(random))
const seed = { networksAre: 'behind-peers', keepaliveSeconds: 0 } as const
const shoot = { networksAre: 'here', keepaliveSeconds: 25 } as const
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'settings-'))
  await writeFile(join(directory, 'key'), `${privateKey}\n`)
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

function link(number: number, change: Partial<LinkFile> = {}): LinkFile {
  return {
    interface: `wg${number}`,
    privateKeyFile: join(directory, 'key'),
    listenPort: 51_820 + number,
    addresses: [`192.168.124.${2 * number + 1}`],
    peer: { publicKey, addresses: [`192.168.124.${2 * number + 2}`], tunnelAddresses: ['192.168.123.2'] },
    ...change,
  }
}

function file(change: Partial<TunnelFile> = {}, links: readonly LinkFile[] = [link(0)]): TunnelFile {
  return {
    tunnelAddresses: ['192.168.123.1'],
    links: [...links],
    networks: { pods: ['100.96.0.0/16'], nodes: ['10.250.0.0/16'] },
    healthPort: 0,
    ...change,
  }
}

describe('settings', () => {
  it('put networks behind the other ends or here, by the kind of end', async () => {
    expect(await readTunnelSettings(file(), seed)).toMatchObject({
      networksBehindPeers: ['10.250.0.0/16', '100.96.0.0/16'],
      forwardTo: [],
      links: [{ privateKey, listenPort: 51_820, peer: { publicKey, keepaliveSeconds: 0, name: 'wg0' } }],
    })
    expect(await readTunnelSettings(file(), shoot)).toMatchObject({
      networksBehindPeers: [],
      forwardTo: ['10.250.0.0/16', '100.96.0.0/16'],
      links: [{ peer: { keepaliveSeconds: 25 } }],
    })
  })

  it('reach networks by their other names from one side, and have them on the other', async () => {
    const named = file({ otherNames: [{ network: '100.96.0.0/16', inTunnel: '244.0.0.0/16' }], otherNamesForGroup: 7 })
    const mapping = [{ real: '100.96.0.0/16', mapped: '244.0.0.0/16' }]
    const { networksBehindPeers, translation } = await readTunnelSettings(named, seed)
    expect(networksBehindPeers).toContain('244.0.0.0/16')
    expect(networksBehindPeers).not.toContain('100.96.0.0/16')
    expect(translation).toEqual({ own: [], remote: mapping, groupId: 7 })
    expect((await readTunnelSettings(named, shoot)).translation).toMatchObject({ own: mapping, remote: [] })
  })

  const identity = { certificateFile: '/c', keyFile: '/k' }
  const dialling = (fallback: object): LinkFile =>
    ({ ...link(0), peer: { ...link(0).peer, endpoint: '198.18.0.10:51820', fallback } }) as LinkFile

  it.each<[string, () => TunnelFile]>([
    ['links[1].interface', () => file({}, [link(0), link(1, { interface: 'wg0' })])],
    ['links[1].listenPort', () => file({}, [link(0), link(1, { listenPort: 51_820 })])],
    ['links[1].addresses', () => file({}, [link(0), link(1, { addresses: ['192.168.124.1'] })])],
    ['links[0].addresses', () => file({}, [link(0, { addresses: ['192.168.123.1'] })])],
    ['links[0].peer.addresses', () => file({}, [link(0, { addresses: ['fd00::1'] })])],
    [
      'links[0].peer.tunnelAddresses',
      () => file({}, [link(0, { peer: { ...link(0).peer, tunnelAddresses: ['192.168.123.1'] } })]),
    ],
    ['links[0].privateKeyFile', () => file({}, [link(0, { privateKeyFile: '/nonexistent' })])],
    ['links[0].peer.publicKey', () => file({}, [link(0, { peer: { ...link(0).peer, publicKey: 'x' } })])],
    ['links[0].peer.endpoint', () => file({}, [link(0, { peer: { ...link(0).peer, endpoint: '100.96.1.1:51820' } })])],
    [
      'links[0].peer.fallback.endpoint',
      () => file({}, [dialling({ endpoint: '100.96.1.1:443', serverName: 'x', caFile: '/ca' })]),
    ],
    [
      'links[0].peer.fallback.keyFile',
      () =>
        file({}, [dialling({ endpoint: '198.18.0.10:443', serverName: 'x', caFile: '/ca', certificateFile: '/c' })]),
    ],
    [
      'links[0].peer.fallback',
      () =>
        file({}, [
          link(0, { peer: { ...link(0).peer, fallback: { endpoint: 'a:443', serverName: 'x', caFile: '/ca' } } }),
        ]),
    ],
    ['relay.listen', () => file({ relay: { listen: '8443', ...identity } })],
    ['otherNames[0].network', () => file({ otherNames: [{ network: '100.96.0.0/17', inTunnel: '244.0.0.0/17' }] })],
    ['networks.nodes', () => file({ networks: { pods: ['10.0.0.0/8'], nodes: ['10.1.0.0/16'] } })],
    ['tunnelAddresses', () => file({ networks: { pods: ['fd00::/64'] } })],
  ])('name %s when it is wrong', async (field, make) => {
    await expect(readTunnelSettings(make(), seed)).rejects.toMatchObject({ field })
  })
})
