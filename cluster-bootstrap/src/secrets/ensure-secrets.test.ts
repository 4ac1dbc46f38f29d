import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import { type Secret, secrets } from '@trellis/api/core/configuration'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { parsePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createShootWorld, type ShootWorld } from '../../testing/shoot-world.ts'
import { configurationParser as seedParser } from '../../testing/tunnel-schemas.ts'
import { ensureSecrets } from './ensure-secrets.ts'
import { decodeSecret, type SecretData } from './secret-store.ts'
import { authorityNames, wantedCertificates, wantedKubeconfigs } from './wanted.ts'

const namespace = 'shoot--local--first'
const frontDoor = '198.18.0.10'

async function read(client: FakeClient): Promise<ReadonlyMap<string, SecretData>> {
  const { items } = await client.list(secrets, { namespace })
  return new Map(items.map((secret) => [secret.metadata.name, decodeSecret(secret)]))
}

let world: ShootWorld
let made: ReadonlyMap<string, SecretData>
const certificateOf = (name: string, prefix: 'ca' | 'tls' = 'tls') =>
  new X509Certificate(made.get(name)?.[`${prefix}.crt`] ?? '')
const keyOf = (name: string, prefix: 'ca' | 'tls' = 'tls') => createPrivateKey(made.get(name)?.[`${prefix}.key`] ?? '')

const usageCodes = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const

beforeAll(async () => {
  world = createShootWorld()
  await ensureSecrets({ ...world.services, httpConnect: true }, world.services.blueprint, frontDoor)
  made = await read(world.garden)
})

describe('authorities', () => {
  it.each(authorityNames)('%s is one, with its key, and no other authority has that key', (name) => {
    const certificate = certificateOf(name, 'ca')
    expect(certificate.ca).toBe(true)
    expect(certificate.checkPrivateKey(keyOf(name, 'ca'))).toBe(true)
    const others = authorityNames.filter((other) => other !== name)
    expect(others.some((other) => certificate.checkPrivateKey(keyOf(other, 'ca')))).toBe(false)
  })
})

describe('certificates', () => {
  const { blueprint } = createShootWorld().services

  it.each(wantedCertificates(blueprint, frontDoor, true))(
    '$secret comes from $authority and says what it should',
    (wanted) => {
      const certificate = certificateOf(wanted.secret)
      const issuer = certificateOf(wanted.authority, 'ca')
      expect(certificate.checkIssued(issuer)).toBe(true)
      expect(certificate.verify(issuer.publicKey)).toBe(true)
      expect(certificate.ca).toBe(false)
      expect(certificate.checkPrivateKey(keyOf(wanted.secret))).toBe(true)
      expect([...(certificate.keyUsage ?? [])].sort()).toEqual(
        wanted.request.usages.map((one) => usageCodes[one]).sort(),
      )
      const names = [
        ...(wanted.request.dnsNames ?? []).map((name) => `DNS:${name}`),
        ...(wanted.request.ipAddresses ?? []).map((address) => `IP Address:${address}`),
      ]
      expect(certificate.subjectAltName?.split(', ') ?? []).toEqual(names)
    },
  )

  it('lets the API server be reached by every name it has', () => {
    const certificate = certificateOf('kube-apiserver-server')
    for (const address of [frontDoor, '127.0.0.1', '100.64.0.1']) expect(certificate.checkIP(address)).toBe(address)
    for (const name of [
      'kube-apiserver',
      `kube-apiserver.${namespace}.svc.cluster.local`,
      'kubernetes.default.svc.cluster.local',
      'kubernetes',
    ]) {
      expect(certificate.checkHost(name)).toBe(name)
    }
  })

  it('shows kubelets a caller that no signer of the cluster can imitate', () => {
    const caller = certificateOf('kube-apiserver-kubelet-client')
    expect(caller.checkIssued(certificateOf('ca', 'ca'))).toBe(true)
    expect(caller.checkIssued(certificateOf('ca-client', 'ca'))).toBe(false)
  })
})

describe('kubeconfigs', () => {
  it.each(wantedKubeconfigs(frontDoor))('$secret leads to $server and proves who it is for', (wanted) => {
    const config = parse(made.get(wanted.secret)?.kubeconfig ?? '')
    expect(config.clusters[0].cluster.server).toBe(wanted.server)
    const authority = Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString()
    expect(authority).toBe(made.get('ca')?.['ca.crt'])
    const user = config.users[0].user
    const certificate = new X509Certificate(Buffer.from(user['client-certificate-data'], 'base64').toString())
    expect(certificate.checkIssued(certificateOf('ca-client', 'ca'))).toBe(true)
    expect(certificate.subject.split('\n')).toEqual([
      ...(wanted.request.organizations ?? []).map((organization) => `O=${organization}`),
      `CN=${wanted.request.commonName}`,
    ])
    const key = createPrivateKey(Buffer.from(user['client-key-data'], 'base64').toString())
    expect(certificate.checkPrivateKey(key)).toBe(true)
  })

  it('gives every right to nobody but us', () => {
    const masters = wantedKubeconfigs(frontDoor).filter((one) => one.request.organizations?.includes('system:masters'))
    expect(masters.map((one) => one.secret)).toEqual(['kubeconfig-cluster-bootstrap'])
  })
})

describe('keys', () => {
  it('signs tokens of service accounts', () => {
    const keys = made.get('service-account-key')
    const signature = sign('sha256', Buffer.from('token'), keys?.['private.pem'] ?? '')
    expect(verify('sha256', Buffer.from('token'), createPublicKey(keys?.['public.pem'] ?? ''), signature)).toBe(true)
  })

  it('has 32 random bytes for bootstrap tokens', () => {
    expect(made.get('bootstrap-token-key')?.key).toMatch(/^[0-9a-f]{64}$/)
  })

  it('configures both ends of the tunnel for each other', () => {
    const read = (secret: string, config: string) => {
      const data = made.get(secret) ?? {}
      const file = seedParser.parse(JSON.parse(data[config] ?? ''))
      const [link] = file.links
      if (link === undefined) throw new RangeError('a tunnel has a link')
      const content = (path = '') => data[path.slice(path.lastIndexOf('/') + 1)] ?? ''
      return { file, link, content, key: publicKeyOf(parsePrivateKey(content(link.privateKeyFile))) }
    }
    const [seed, shoot] = [read('vpn-seed', 'config.json'), read('vpn-shoot', 'config-0.json')]
    for (const [one, other] of [
      [seed, shoot],
      [shoot, seed],
    ] as const) {
      expect(one.file.links).toHaveLength(1)
      expect(one.link.peer.publicKey).toBe(other.key)
      expect(one.link.peer.addresses).toEqual(other.link.addresses)
      expect(one.link.peer.tunnelAddresses).toEqual(other.file.tunnelAddresses)
      const preshared = one.content(one.link.peer.presharedKeyFile)
      expect(preshared).toMatch(/=$/)
      expect(preshared).toBe(other.content(other.link.peer.presharedKeyFile))
    }
    expect(shoot.link.peer.endpoint).toBe('198.18.0.10:51820')
    expect(seed.link.listenPort).toBe(51820)
    expect(seed.file.networks).toEqual(shoot.file.networks)
    const { fallback } = shoot.link.peer
    expect(fallback?.endpoint).toBe('198.18.0.10:443')
    const certificate = new X509Certificate(seed.content(seed.file.relay?.certificateFile))
    expect(certificate.checkHost(fallback?.serverName ?? '')).toBe(fallback?.serverName)
    for (const [one, other, file] of [
      [seed, shoot, fallback?.certificateFile],
      [shoot, seed, seed.file.relay?.certificateFile],
    ] as const) {
      const authority = new X509Certificate(one.content('relay-ca.crt'))
      expect(new X509Certificate(other.content(file)).verify(authority.publicKey)).toBe(true)
    }
  })

  it('joins each of two ends in the shoot with the seed', async () => {
    const other = createShootWorld()
    await ensureSecrets(other.services, { ...other.services.blueprint, tunnelReplicas: 2 }, frontDoor)
    const secret = async (name: string) => (await read(other.garden)).get(name) ?? {}
    const parse = (text: string | undefined) => seedParser.parse(JSON.parse(text ?? ''))
    const seed = parse((await secret('vpn-seed'))['config.json'])
    const shoots = ['config-0.json', 'config-1.json'].map(async (name) => parse((await secret('vpn-shoot'))[name]))
    const files = await Promise.all(shoots)
    expect(seed.links.map(({ listenPort }) => listenPort)).toEqual([51820, 51822])
    expect(files.map((file) => file.links.map(({ peer }) => peer.endpoint))).toEqual([
      ['198.18.0.10:51820'],
      ['198.18.0.10:51822'],
    ])
    expect(new Set(files.flatMap((file) => file.tunnelAddresses)).size).toBe(2)
  })
})

describe('two API servers', () => {
  const size = { tunnelReplicas: 2, apiServerReplicas: 2 }
  const parse = (text: string | undefined) => seedParser.parse(JSON.parse(text ?? ''))

  it('are each joined with each end in the shoot, by a link, a port, addresses and keys of its own', async () => {
    const { services, garden } = createShootWorld()
    await ensureSecrets(services, { ...services.blueprint, ...size }, frontDoor)
    const all = await read(garden)
    const data = (name: string) => all.get(name) ?? {}
    const seeds = ['vpn-seed', 'vpn-seed-1'].map((name) => parse(data(name)['config.json']))
    const shoots = [0, 1].map((replica) => parse(data('vpn-shoot')[`config-${replica}.json`]))
    expect(seeds.map(({ links }) => links.map(({ listenPort }) => listenPort))).toEqual([
      [51820, 51822],
      [51828, 51830],
    ])
    for (const [shootReplica, shoot] of shoots.entries()) {
      expect(shoot.links.map(({ peer }) => peer.name)).toEqual(['vpn-seed', 'vpn-seed-1'])
      expect(new Set(shoot.links.map((link) => link.interface)).size).toBe(2)
      for (const [seedReplica, seed] of seeds.entries()) {
        const [theirs, ours] = [shoot.links[seedReplica], seed.links[shootReplica]]
        expect(theirs?.peer.endpoint).toBe(`${frontDoor}:${ours?.listenPort}`)
        expect(theirs?.addresses).toEqual(ours?.peer.addresses)
        expect(ours?.addresses).toEqual(theirs?.peer.addresses)
        expect([theirs?.peer.tunnelAddresses, ours?.peer.tunnelAddresses]).toEqual([
          seed.tunnelAddresses,
          shoot.tunnelAddresses,
        ])
        const file = ours?.privateKeyFile.split('/').at(-1) ?? ''
        const key = data(['vpn-seed', 'vpn-seed-1'][seedReplica] ?? '')[file] ?? ''
        expect(theirs?.peer.publicKey).toBe(publicKeyOf(parsePrivateKey(key)))
      }
    }
    const links = [...seeds, ...shoots].flatMap((file) => file.links)
    expect(new Set(links.flatMap(({ addresses }) => addresses)).size).toBe(8)
    const certificate = new X509Certificate(data('vpn-seed-1')['relay.crt'] ?? '')
    for (const { peer } of shoots.flatMap((file) => file.links)) {
      expect(certificate.checkHost(peer.fallback?.serverName ?? '')).toBe(peer.fallback?.serverName)
    }
  })

  it('have nothing of each other’s private keys', async () => {
    const { services, garden } = createShootWorld()
    await ensureSecrets(services, { ...services.blueprint, ...size }, frontDoor)
    const all = await read(garden)
    const keysOf = (name: string) => Object.entries(all.get(name) ?? {}).filter(([key]) => /^(seed|link)-/.test(key))
    const values = [...keysOf('vpn-seed'), ...keysOf('vpn-seed-1')].map(([, value]) => value)
    expect(values).toHaveLength(8)
    expect(new Set(values).size).toBe(8)
  })

  it('come and go without a change for the first, nor a pod that is replaced for it', async () => {
    const { services, garden } = createShootWorld()
    const { blueprint } = services
    const one = { ...blueprint, tunnelReplicas: 2 }
    const alone = await ensureSecrets(services, one, frontDoor)
    const before = await read(garden)
    const both = await ensureSecrets(services, { ...blueprint, ...size }, frontDoor)
    const during = await read(garden)
    expect(changed(before, during)).toEqual(['vpn-keys', 'vpn-relay-server', 'vpn-seed', 'vpn-seed-1', 'vpn-shoot'])
    expect(during.get('vpn-seed')?.['config.json']).toBe(before.get('vpn-seed')?.['config.json'])
    const again = await ensureSecrets(services, one, frontDoor)
    expect((await read(garden)).get('vpn-shoot')).toEqual(before.get('vpn-shoot'))
    expect([both.checksum, again.checksum]).toEqual([alone.checksum, alone.checksum])
  })
})

describe('a repeat', () => {
  async function fresh() {
    const other = createShootWorld()
    const ensure = (door = frontDoor) => ensureSecrets(other.services, other.services.blueprint, door)
    const first = await ensure()
    return { ...other, ensure, first, before: await read(other.garden) }
  }

  it('changes nothing', async () => {
    const { ensure, first, garden, before } = await fresh()
    const writes = garden.calls.length
    expect(await ensure()).toEqual(first)
    expect(await read(garden)).toEqual(before)
    expect(garden.calls.slice(writes).every((call) => call.method === 'list')).toBe(true)
  })

  it('makes nothing for http-connect before it is wanted, and then no more than that', async () => {
    const { before, garden, services } = await fresh()
    expect([...before.keys()].filter((name) => name.includes('http-connect'))).toEqual([])
    await ensureSecrets({ ...services, httpConnect: true }, services.blueprint, frontDoor)
    expect(changed(before, await read(garden))).toEqual([
      'ca-http-connect',
      'http-connect-client',
      'http-connect-server',
    ])
  })

  it('makes what is missing, and leaves the rest', async () => {
    const { ensure, garden, before, first } = await fresh()
    await garden.delete(secrets, { namespace, name: 'etcd-client' })
    const second = await ensure()
    const after = await read(garden)
    expect(changed(before, after)).toEqual(['etcd-client'])
    expect(second.checksum).not.toBe(first.checksum)
    expect(second.certificateAuthority).toBe(first.certificateAuthority)
  })

  it('makes anew what names the front door when that has moved', async () => {
    const { ensure, garden, before } = await fresh()
    await ensure('198.18.0.11')
    expect(changed(before, await read(garden))).toEqual([
      'kube-apiserver-server',
      'kubeconfig-admin',
      'kubeconfig-cluster-bootstrap',
      'vpn-shoot',
    ])
  })

  it('makes anew all that an authority has signed when the authority is new', async () => {
    const { ensure, garden, before } = await fresh()
    await garden.delete(secrets, { namespace, name: 'ca-etcd' })
    await ensure()
    expect(changed(before, await read(garden))).toEqual(['ca-etcd', 'etcd-client', 'etcd-server'])
  })

  it('renews certificates, but not authorities, before they expire', async () => {
    const { ensure, garden, before, clock } = await fresh()
    await clock.advance(500 * 24 * 3600 * 1000)
    await ensure()
    expect(changed(before, await read(garden))).toEqual(['vpn-keys', 'vpn-seed', 'vpn-shoot'])
    await clock.advance(200 * 24 * 3600 * 1000)
    await ensure()
    const renewed = changed(before, await read(garden))
    expect(renewed).toContain('kube-apiserver-server')
    expect(renewed.filter((name) => name.startsWith('ca'))).toEqual([])
  })

  it('changes the tunnel’s keys in time, by links beside the old ones, and replaces no pod for that', async () => {
    const { ensure, garden, first, clock } = await fresh()
    const links = async (secret: string, config: string) => {
      const { links } = seedParser.parse(JSON.parse((await read(garden)).get(secret)?.[config] ?? ''))
      return links.map((link) => link.interface)
    }
    const both = async () => [await links('vpn-seed', 'config.json'), await links('vpn-shoot', 'config-0.json')]
    expect(await both()).toEqual([['vpn0-0'], ['vpn0-0']])
    await clock.advance(90 * 24 * 3600 * 1000)
    const second = await ensure()
    expect(await both()).toEqual([
      ['vpn0-0', 'vpn0-1'],
      ['vpn0-0', 'vpn0-1'],
    ])
    await clock.advance(30 * 60 * 1000)
    const third = await ensure()
    expect(await both()).toEqual([['vpn0-1'], ['vpn0-1']])
    expect([second.checksum, third.checksum]).toEqual([first.checksum, first.checksum])
  })

  it('replaces what somebody has spoilt', async () => {
    const { ensure, garden, before } = await fresh()
    const key = { namespace, name: 'etcd-server' }
    await garden.patch<Secret>(secrets, key, { data: { 'tls.crt': Buffer.from('nonsense').toString('base64') } })
    await ensure()
    expect(changed(before, await read(garden))).toEqual(['etcd-server'])
  })
})

function changed(before: ReadonlyMap<string, SecretData>, after: ReadonlyMap<string, SecretData>): string[] {
  return [...after.keys()].filter((name) => JSON.stringify(before.get(name)) !== JSON.stringify(after.get(name))).sort()
}
