import { type EndpointSlice, endpointSlices, type Service, services } from '@trellis/api/core/service'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import { golden } from '../../testing/golden.ts'
import { watchDestinationServices } from './destination-services.ts'
import type { Destinations } from './destinations.ts'
import { destinationsOfServices, doorLabel, publicKeysAnnotation, serverNamesAnnotation } from './services.ts'

const labels = { [doorLabel]: 'true' }

function service(
  name: string,
  annotations: Record<string, string>,
  creationTimestamp = '2026-01-01T00:00:00Z',
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'one', labels, annotations, creationTimestamp },
  }
}

const endpoint = (address: string, conditions: EndpointSlice['endpoints'][number]['conditions'] = { ready: true }) => ({
  addresses: [address],
  conditions,
})

function slice(name: string, endpoints: EndpointSlice['endpoints'], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: 'one', labels: { ...labels, 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints,
    ports: [
      { name: 'tunnel', port: 51_820, protocol: 'UDP' },
      { name: 'tls', port: 6443, protocol: 'TCP' },
    ],
    ...more,
  }
}

const keys = { [publicKeysAnnotation]: `${golden.responder}, ${golden.initiator}` }

describe('destinations of Services', () => {
  it('are a tunnel by its keys and servers by their names', () => {
    const both = service('api', { ...keys, [serverNamesAnnotation]: 'API.one.example,api.one.internal' })
    const [part] = destinationsOfServices([both], [slice('api', [endpoint('10.1.0.2'), endpoint('10.1.0.3')])])
    expect(part).toEqual({
      ok: true,
      destinations: {
        tunnels: [
          {
            name: 'one/api',
            publicKeys: [golden.responder, golden.initiator],
            target: { address: '10.1.0.2', port: 51_820 },
          },
        ],
        servers: [
          {
            serverNames: ['api.one.example', 'api.one.internal'],
            targets: [
              { address: '10.1.0.2', port: 6443 },
              { address: '10.1.0.3', port: 6443 },
            ],
          },
        ],
      },
    })
  })

  it('are a tunnel for each port that keys are of', () => {
    const two = service('api', { [publicKeysAnnotation]: `${golden.responder},tunnel-b: ${golden.initiator}` })
    const ports = [
      { name: 'tunnel', port: 51_820 },
      { name: 'tunnel-b', port: 51_821 },
    ]
    const [part] = destinationsOfServices([two], [slice('api', [endpoint('10.1.0.2')], { ports })])
    expect(part?.ok && part.destinations.tunnels).toEqual([
      { name: 'one/api', publicKeys: [golden.responder], target: { address: '10.1.0.2', port: 51_820 } },
      { name: 'one/api/tunnel-b', publicKeys: [golden.initiator], target: { address: '10.1.0.2', port: 51_821 } },
    ])
  })

  it.each([
    ['those that are ready', [endpoint('10.1.0.2', { ready: false, serving: true }), endpoint('10.1.0.3')], '10.1.0.3'],
    [
      'those that serve still',
      [endpoint('10.1.0.2', { ready: false }), endpoint('10.1.0.3', { ready: false, serving: true })],
      '10.1.0.3',
    ],
    ['any rather than none', [endpoint('10.1.0.2', { ready: false })], '10.1.0.2'],
    ['nothing where there is nothing', [], undefined],
  ])('lead to %s', (_, endpoints, address) => {
    const [part] = destinationsOfServices([service('api', keys)], [slice('api', endpoints)])
    expect(part?.ok && part.destinations.tunnels[0]?.target.address).toBe(address)
  })

  it('leave out slices of names, of other ports and of other Services', () => {
    const slices = [
      slice('api', [endpoint('api.example')], { addressType: 'FQDN' }),
      slice('api', [endpoint('10.1.0.2')], { ports: [{ name: 'metrics', port: 1 }] }),
      slice('other', [endpoint('10.1.0.2')]),
      // What a Service without pods has: null where the type says a list.
      JSON.parse(JSON.stringify({ ...slice('api', []), endpoints: null, ports: null })) as EndpointSlice,
    ]
    expect(destinationsOfServices([service('api', keys)], slices)).toEqual([
      { ok: true, destinations: { tunnels: [], servers: [] } },
    ])
  })

  it('come with the oldest first, and one that is wrong harms itself only', () => {
    const wrong = service('a', { [publicKeysAnnotation]: 'short' }, '2026-01-02T00:00:00Z')
    const parts = destinationsOfServices([wrong, service('b', keys)], [slice('b', [endpoint('10.1.0.2')])])
    expect(parts.map(({ ok }) => ok)).toEqual([true, false])
    expect(parts[1]).toMatchObject({ reason: expect.stringContaining(`Service one/a: ${publicKeysAnnotation}`) })
  })

  it('are followed in a cluster', async () => {
    const [clock, random] = [createSystemClock(), createSystemRandom()]
    const client = createFakeClient({ clock, random })
    await client.create(services, service('api', keys))
    await client.create(services, { ...service('other', keys), metadata: { name: 'other', namespace: 'one' } })
    const told: (readonly Destinations[])[] = []
    const onChange = (sources: readonly Destinations[]) => void told.push(sources)
    const options = { clock, random, log: createSilentLog(), client, onChange }
    await using _ = await watchDestinationServices(options, new AbortController().signal)
    expect(told).toEqual([[{ tunnels: [], servers: [] }]])
    const addresses = () => told.at(-1)?.flatMap(({ tunnels }) => tunnels.map(({ target }) => target.address))
    await client.create(endpointSlices, slice('api', [endpoint('10.1.0.2')]))
    await eventually('its address', () => (addresses()?.join() === '10.1.0.2' ? true : undefined))
    const at = { name: 'api-1', namespace: 'one' }
    await client.patch(endpointSlices, at, { endpoints: [endpoint('10.1.0.9')] }, { type: 'merge' })
    await eventually('its new address', () => (addresses()?.join() === '10.1.0.9' ? true : undefined))
    await client.delete(services, { name: 'api', namespace: 'one' })
    await eventually('nothing', () => (addresses()?.length === 0 ? true : undefined))
  })
})
