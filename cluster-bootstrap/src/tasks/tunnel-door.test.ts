import { secrets } from '@trellis/api/core/configuration'
import { services as serviceResource } from '@trellis/api/core/service'
import { createSeededRandom } from '@trellis/foundation/random'
import { publicKeyOf } from 'node-wireguard/key'
import { describe, expect, it } from 'vitest'
import { createShootWorld } from '../../testing/shoot-world.ts'
import { ensureSecrets } from '../secrets/ensure-secrets.ts'
import { decodeSecret } from '../secrets/secret-store.ts'
import { makeTunnelKeys } from '../secrets/tunnel-generations.ts'
import { frontDoorService } from './front-door.ts'
import { forgetDoors, tunnelDoorServices } from './tunnel-door.ts'

const { blueprint } = createShootWorld().services
const namespace = blueprint.technicalId

describe('what leads a front door of all shoots to a tunnel', () => {
  const generations = [
    { number: 6, madeAt: 0 },
    { number: 7, madeAt: 1 },
  ]
  const keys = makeTunnelKeys(createSeededRandom('door'), { generations, apiServerReplicas: 2 })
  const services = tunnelDoorServices({ ...blueprint, tunnelReplicas: 2 }, keys, false)

  it('is a Service for each link, with the port and the key that its end waits with', () => {
    const found = services.map(({ metadata, spec }) => [
      spec?.ports?.find(({ name }) => name === 'tunnel')?.targetPort,
      metadata.annotations?.['trellis.internal/tunnel-public-keys'],
    ])
    const key = (name: string) => publicKeyOf((keys[name] ?? '') as Parameters<typeof publicKeyOf>[0])
    expect(found).toEqual([
      ['tunnel-51820', key('link-0-6.seed')],
      ['tunnel-51821', key('link-0-7.seed')],
      ['tunnel-51822', key('link-1-6.seed')],
      ['tunnel-51823', key('link-1-7.seed')],
    ])
    for (const { metadata, spec } of services) {
      expect(metadata.labels).toMatchObject({ 'trellis.internal/front-door': 'true' })
      expect(spec).toMatchObject({ type: 'ClusterIP', publishNotReadyAddresses: true })
      expect(JSON.stringify(metadata)).not.toContain(keys['link-0-6.seed'])
    }
  })

  it('names the server for streams inside TLS once', () => {
    const named = services.filter(({ metadata }) => metadata.annotations?.['trellis.internal/server-names'])
    expect(named).toHaveLength(1)
    expect(named[0]?.metadata.annotations?.['trellis.internal/server-names']).toBe(`vpn.${namespace}.trellis.internal`)
    expect(named[0]?.spec?.ports).toContainEqual({ name: 'tls', protocol: 'TCP', port: 443, targetPort: 8443 })
  })
})

describe('what leads a front door of all shoots to two ends in the seed', () => {
  const generations = [{ number: 0, madeAt: 0 }]
  const keys = makeTunnelKeys(createSeededRandom('door'), { generations, apiServerReplicas: 2 })
  const size = { tunnelReplicas: 2, apiServerReplicas: 2 }
  const services = tunnelDoorServices({ ...blueprint, ...size }, keys, false)

  it('is a Service for each link, with a port that one pod alone has', () => {
    const found = services.map(({ metadata, spec }) => [metadata.name, spec?.ports?.[0]?.targetPort])
    expect(found).toEqual([51820, 51822, 51828, 51830].map((port) => [`vpn-seed-${port}`, `tunnel-${port}`]))
    expect(
      new Set(services.map(({ metadata }) => metadata.annotations?.['trellis.internal/tunnel-public-keys'])).size,
    ).toBe(4)
  })

  it('names a server for each end', () => {
    const names = services.flatMap(({ metadata, spec }) => {
      const name = metadata.annotations?.['trellis.internal/server-names']
      return name === undefined ? [] : [[name, spec?.selector]]
    })
    expect(names).toEqual([
      [`vpn.${namespace}.trellis.internal`, { app: 'kube-apiserver' }],
      [`vpn-1.${namespace}.trellis.internal`, { app: 'kube-apiserver', 'trellis.internal/replica': '1' }],
    ])
  })

  it('goes with the end that goes', async () => {
    const { garden } = createShootWorld()
    for (const service of services) await garden.apply(serviceResource, service)
    const labels = { 'trellis.internal/front-door': 'true' }
    const metadata = { name: 'somebody-elses', namespace, labels }
    await garden.create(serviceResource, { apiVersion: 'v1', kind: 'Service', metadata })
    await forgetDoors({ seed: garden, blueprint: { ...blueprint, tunnelReplicas: 2 } })
    const { items } = await garden.list(serviceResource, { namespace })
    const left = items.map(({ metadata }) => metadata.name).sort()
    expect(left).toEqual(['somebody-elses', 'vpn-seed-51820', 'vpn-seed-51822'])
  })
})

describe('a shoot whose tunnel goes by a front door of all shoots', () => {
  it('dials it by one port, and keeps its own load balancer for the API alone', async () => {
    const { services, garden } = createShootWorld()
    await ensureSecrets({ ...services, tunnelDoor: '203.0.113.7' }, blueprint, '198.18.0.10')
    const data = decodeSecret(await garden.get(secrets, { namespace, name: 'vpn-shoot' }))
    const file = JSON.parse(data['config-0.json'] ?? '')
    expect(file.links[0].peer.endpoint).toBe('203.0.113.7:51820')
    expect(file.links[0].peer.fallback.endpoint).toBe('203.0.113.7:443')
    const ports = frontDoorService(namespace, blueprint, { tunnelDoor: '203.0.113.7' }).spec?.ports ?? []
    expect(ports.map(({ name }) => name)).toEqual(['api'])
  })
})
