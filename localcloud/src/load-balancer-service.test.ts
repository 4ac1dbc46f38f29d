import { describe, expect, it } from 'vitest'
import { startCloudDouble } from '../testing/cloud-double.ts'
import { makeNetwork, makeServer } from '../testing/cloud-objects.ts'

const all = { tags: [] }
describe('a load balancer', () => {
  const listener = (fields: object = {}) => ({
    name: 'api',
    protocol: 'TCP' as const,
    port: 443,
    targetPort: 30443,
    ...fields,
  })

  it('keeps its address whatever is set', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const server = (await makeServer(double)).value.id
    const { loadBalancers } = double.cloud.services
    const first = await loadBalancers.set('door', { network: 'alpha', listeners: [], targets: [], tags: { a: '1' } })
    const second = await loadBalancers.set('door', {
      network: 'alpha',
      listeners: [listener()],
      targets: [server, server],
    })
    expect([first.made, second.made]).toEqual([true, false])
    expect(second.value).toEqual({ ...first.value, listeners: [listener()], targets: [server], tags: {} })
  })

  it.each([
    { reason: 'a port twice', listeners: [listener(), listener({ name: 'b' })], field: 'listeners[1].port' },
    { reason: 'a name twice', listeners: [listener(), listener({ port: 1 })], field: 'listeners[1].name' },
    { reason: 'an unknown target', targets: ['srv-00000000'], field: 'targets[0]' },
    { reason: 'an unknown network', network: 'none', field: 'network' },
  ])('is refused for $reason', async ({ field, ...fields }) => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const request = { network: 'alpha', listeners: [listener()], targets: [], ...fields }
    await expect(double.cloud.services.loadBalancers.set('door', request)).rejects.toMatchObject({
      kind: 'Invalid',
      field,
    })
    expect(double.store.list('load-balancer')).toEqual([])
  })

  it('takes the same port for TCP and UDP', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    const listeners = [listener(), listener({ name: 'udp', protocol: 'UDP' })]
    expect(
      (await double.cloud.services.loadBalancers.set('door', { network: 'alpha', listeners, targets: [] })).made,
    ).toBe(true)
  })

  it('belongs to one network', async () => {
    await using double = await startCloudDouble()
    await makeNetwork(double)
    await makeNetwork(double, { name: 'beta' })
    const { loadBalancers } = double.cloud.services
    await loadBalancers.set('door', { network: 'alpha', listeners: [], targets: [] })
    const elsewhere = loadBalancers.set('door', { network: 'beta', listeners: [], targets: [] })
    await expect(elsewhere).rejects.toMatchObject({ kind: 'Conflict', field: 'network' })
    expect(loadBalancers.list({ ...all, network: 'alpha' })).toHaveLength(1)
    expect(loadBalancers.list({ ...all, network: 'beta' })).toEqual([])
    await loadBalancers.remove('door')
    await expect(loadBalancers.remove('door')).rejects.toMatchObject({ kind: 'NotFound' })
  })
})
