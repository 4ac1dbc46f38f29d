import { services } from '@trellis/api/core/service'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { readInstallation } from '../installation.ts'
import { controllerValues } from './controller-values.ts'
import { garden } from './garden.ts'
import { findTunnelDoor, tunnelDoorValues } from './tunnel-door.ts'

const key = { namespace: garden.namespace, name: 'front-door' }

describe('findTunnelDoor', () => {
  it('finds the address as soon as the cloud has given one', async () => {
    const client = createFakeClient({ clock: createSystemClock(), random: createSystemRandom() })
    expect(await findTunnelDoor(client)).toBeUndefined()
    await client.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: key,
      spec: { type: 'LoadBalancer', ports: [{ name: 'tunnel', protocol: 'UDP', port: 51820 }] },
    })
    expect(await findTunnelDoor(client)).toBeUndefined()
    const change = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } } }
    await client.patch(services, key, change, { type: 'merge', subresource: 'status' })
    expect(await findTunnelDoor(client)).toBe('192.0.2.7')
  })
})

describe('values', () => {
  it('of the front door name its image alone', () => {
    expect(tunnelDoorValues({ 'front-door': 'f:1', etcd: 'e:1' })).toEqual({ images: { 'front-door': 'f:1' } })
  })

  it('of the controllers name what the installation wants, and the door once it has an address', () => {
    const told = { TRELLIS_HTTP_CONNECT: 'yes', TRELLIS_INFRASTRUCTURE: 'opentofu' }
    expect(controllerValues({}, readInstallation(told, '/r'), '192.0.2.7').clusterBootstrap).toEqual({
      openTofu: { enabled: true },
      httpConnect: true,
      tunnelDoor: '192.0.2.7',
    })
    expect(controllerValues({}, readInstallation({}, '/r'), undefined).clusterBootstrap).toEqual({
      openTofu: { enabled: false },
      httpConnect: false,
    })
  })
})
