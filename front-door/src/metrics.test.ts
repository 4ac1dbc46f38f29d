import { describe, expect, it } from 'vitest'
import { createFrontDoorMetrics, type FrontDoorState } from './metrics.ts'
import { createConnectionResults } from './tls/counts.ts'
import { createUdpCounts } from './udp/counts.ts'

const state: FrontDoorState = {
  udp: {
    ...createUdpCounts(),
    handshakes: { forwarded: 5, answered: 4 },
    kernel: { packets: 7, bytes: 700 },
    kernelFlooding: 9,
  },
  flows: { kernel: 3, userspace: 1 },
  tls: {
    open: 2,
    results: { ...createConnectionResults(), passed: 6, 'unknown-name': 1 },
    bytes: { toServer: 10, toClient: 20 },
  },
  destinations: { tunnels: 4, servers: 2, refused: 1 },
}

describe('the metrics of the front door', () => {
  it.each([
    'trellis_front_door_flows{path="kernel"} 3',
    'trellis_front_door_destinations{sort="refused"} 1',
    'trellis_front_door_handshakes_total{result="answered"} 4',
    'trellis_front_door_dropped_packets_total{reason="kernel-network-limit"} 9',
    'trellis_front_door_dropped_packets_total{reason="unknown-key"} 0',
    'trellis_front_door_packets_total{path="kernel",direction="to_destination"} 7',
    'trellis_front_door_bytes_total{path="kernel",direction="to_destination"} 700',
    'trellis_front_door_connections 2',
    'trellis_front_door_connections_total{result="unknown-name"} 1',
    'trellis_front_door_connection_bytes_total{direction="to_client"} 20',
  ])('show %s', async (line) => {
    const text = await createFrontDoorMetrics(() => state).metrics()
    expect(text.split('\n')).toContain(line)
  })

  it('are the same at every scrape, and leave out the TLS side where there is none', async () => {
    const registry = createFrontDoorMetrics(() => ({ ...state, tls: undefined }))
    const lines = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('trellis_'))
    expect(await lines()).toEqual(await lines())
    expect((await lines()).join()).not.toContain('connections')
  })
})
