import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFrontDoorMetrics } from '@trellis/front-door/metrics'
import { createConnectionResults } from '@trellis/front-door/tls/counts'
import { createUdpCounts } from '@trellis/front-door/udp/counts'
import { httpConnectMetricNames } from '@trellis/vpn-seed/http-connect/metrics'
import { tunnelMetricNames } from 'node-wireguard/tunnel/metrics'
import { describe, expect, it } from 'vitest'
import { repository } from '../architecture/sources.ts'

const read = (name: string) => readFileSync(join(repository, 'charts/cluster-bootstrap/files', name), 'utf8')

/** A front door that is open on both sides shows all that it has. */
const frontDoor = createFrontDoorMetrics(() => ({
  udp: createUdpCounts(),
  flows: { kernel: 0, userspace: 0 },
  tls: { open: 0, results: createConnectionResults(), bytes: { toServer: 0, toClient: 0 } },
  destinations: { tunnels: 0, servers: 0, refused: 0 },
}))
const ofFrontDoor = frontDoor
  .getMetricsAsArray()
  .map(({ name }) => name)
  .filter((name) => name.startsWith('trellis_'))

const known = new Set([
  ...tunnelMetricNames.map((name) => `trellis_vpn_${name}`),
  ...Object.values(httpConnectMetricNames),
  ...ofFrontDoor,
])

describe.each(['vpn-rules.yaml', 'vpn-dashboard.json'])('%s', (name) => {
  const used = [...new Set(read(name).match(/\btrellis_(vpn|front_door)_\w+/g))].map((one) =>
    one.replace(/_bucket$/, ''),
  )

  it('asks for metrics that there are', () => {
    expect(used.length).toBeGreaterThan(10)
    expect(used.filter((one) => !known.has(one))).toEqual([])
  })
})

describe('the dashboard', () => {
  const used = new Set(read('vpn-dashboard.json').match(/\btrellis_(vpn|front_door)_\w+/g))

  it('shows whatever the tunnel and http-connect tell', () => {
    // Told by the others, or of use only to alerts and to people who ask for the state of a link.
    const left = ['trellis_vpn_tunnel_configured', 'trellis_vpn_link_state', httpConnectMetricNames.reloads]
    const shown = (one: string) => used.has(one) || used.has(`${one}_bucket`)
    expect([...known].filter((one) => !shown(one) && !left.includes(one))).toEqual([])
  })

  it('has panels that lie beside each other, each with a question and a word of what it shows', () => {
    const { panels } = JSON.parse(read('vpn-dashboard.json')) as { panels: readonly Panel[] }
    const taken = new Set<string>()
    for (const { type, title, description, gridPos, targets } of panels) {
      if (type === 'row') continue
      expect(targets?.length, title).toBeGreaterThan(0)
      expect(description, title).toBeTruthy()
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`) || x > 23, title).toBe(false)
          taken.add(`${x},${y}`)
        }
      }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  })
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}
