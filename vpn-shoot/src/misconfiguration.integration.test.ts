import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemRandom } from '@trellis/foundation/random'
import { generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'
import { describe, expect, it } from 'vitest'
import type { End } from '../testing/end.ts'
import { openPair, type PairOptions, withLink } from '../testing/pair.ts'

const otherKey = publicKeyOf(generatePrivateKey(createSystemRandom()))

function withPeer(change: Record<string, unknown>): NonNullable<PairOptions['seed']> {
  return (file) => withLink(file, (link) => ({ ...link, peer: { ...link.peer, ...change } }))
}

function withKeyFile(privateKeyFile: string): NonNullable<PairOptions['seed']> {
  return (file) => withLink(file, (link) => ({ ...link, privateKeyFile }))
}

function reason(end: End, wanted: TunnelStatus['reason']): Promise<TunnelStatus> {
  return eventually(`${end.label} saying ${wanted}`, async () => {
    const status = await end.status()
    return status.reason === wanted ? status : undefined
  })
}

describe('ends that do not fit', () => {
  it('name differing preshared keys', async () => {
    const presharedKeyFile = join(tmpdir(), `trellis-vpn-other-${process.pid}`)
    await writeFile(presharedKeyFile, `${'ab'.repeat(32)}\n`, { mode: 0o400 })
    await using pair = await openPair({ shoot: withPeer({ presharedKeyFile }) })
    pair.laboratory.removeLater(presharedKeyFile)
    await pair.seed.start()
    await pair.shoot.start()
    expect((await reason(pair.seed, 'handshake-incomplete')).explanation).toContain('the preshared key differs')
    expect((await reason(pair.shoot, 'no-answer')).explanation).toContain('key differs')
    expect(await pair.seed.get('/readyz')).toMatchObject({ code: 200 })
    expect(await pair.seed.get('/tunnelz')).toMatchObject({ code: 503 })
    for (const path of ['/readyz', '/tunnelz']) expect(await pair.shoot.get(path)).toMatchObject({ code: 503 })
    expect(await pair.shoot.get('/healthz')).toMatchObject({ code: 200 })
  })

  it('name a wrong public key of the seed', async () => {
    await using pair = await openPair({ shoot: withPeer({ publicKey: otherKey }) })
    await pair.seed.start()
    await pair.shoot.start()
    expect((await reason(pair.shoot, 'no-answer')).links[0]?.lastHandshake).toBeUndefined()
    expect((await reason(pair.seed, 'waiting-for-peer')).explanation).toContain('public keys differs')
  })

  it('name a name that does not resolve, and find it once it does', async () => {
    await using pair = await openPair({ shoot: withPeer({ endpoint: 'front-door.invalid:51820' }) })
    await pair.shoot.start()
    const status = await reason(pair.shoot, 'endpoint-unknown')
    expect(status.explanation).toContain('does not resolve')
  })
})

describe('a configuration that cannot work', () => {
  it.each([
    ['an unknown field', (file: object) => ({ ...file, mtuu: 1 }), 'mtuu'],
    ['no key file', withKeyFile('/nonexistent'), 'privateKeyFile'],
    ['a bad endpoint', withPeer({ endpoint: '198.18.0.10' }), 'peer.endpoint'],
    ['a bad network', (file: object) => ({ ...file, networks: { pods: ['100.96.0.0/33'] } }), 'networks.pods[0]'],
    [
      'networks that overlap each other',
      (file: object) => ({ ...file, networks: { pods: ['10.0.0.0/8'], nodes: ['10.1.0.0/16'] } }),
      'networks.nodes',
    ],
    [
      'no tunnel address of that family',
      (file: object) => ({ ...file, networks: { pods: ['fd00::/64'] } }),
      'tunnelAddresses',
    ],
  ] as const)('is refused: %s', async (_, change, field) => {
    await using pair = await openPair({ shoot: change })
    await pair.shoot.start()
    const { code, said } = await pair.shoot.ended()
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining(field) })
    expect(said.trim().split('\n')).toHaveLength(1)
  })

  it('is refused when it would take the seed its own network', async () => {
    await using pair = await openPair({ seed: (file) => ({ ...file, networks: { pods: ['10.1.0.0/16'] } }) })
    await pair.seed.start()
    const { code, said } = await pair.seed.ended()
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('overlaps with 10.1.0.0/24 behind eth0') })
  })

  it('is refused when IPv6 has to pass on and the kernel does not let it', async () => {
    await using pair = await openPair({
      shoot: (file) => ({
        ...file,
        tunnelAddresses: ['192.168.123.2', 'fd8f:6d53:b97a:1::2'],
        networks: { pods: ['fd00:96::/64'] },
      }),
    })
    await pair.shoot.start()
    const { code, said } = await pair.shoot.ended()
    expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('net.ipv6.conf.all.forwarding') })
  })
})
