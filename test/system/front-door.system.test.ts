import { createCommandRunner } from '@trellis/foundation/command'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clusters, createClusters } from './support/clusters.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'
import { agnhostImage, webServer } from './support/objects.ts'
import { shootLike } from './support/shoots.ts'
import { blockUdp, readDoor, readTunnel, transportOf } from './support/tunnel.ts'

const name = 'doortest'
const runner = createCommandRunner()
const image = agnhostImage(JSON.parse(process.env.TRELLIS_IMAGES ?? '{}') as Record<string, string>)

let before: HostSnapshot
let installation: TestInstallation
let first: Clusters
let second: Clusters

beforeAll(async () => {
  before = await takeHostSnapshot(runner, name)
  installation = await prepareInstallation(name, '198.23', { TRELLIS_TUNNEL_DOOR: 'seed' })
  first = createClusters(installation)
  second = createClusters(installation, 'second')
  await installation.must(['up'])
})

afterAll(async () => {
  await installation[Symbol.asyncDispose]()
  expect(compareSnapshots(before, await takeHostSnapshot(runner, name))).toEqual([])
})

describe('two shoots behind one front door', () => {
  it('have no door for their tunnels of their own', async () => {
    await first.garden(['create', '-f', '-'], JSON.stringify(shootLike('second', {})))
    await first.apply(webServer(image, 1))
    await ready('second')
    await second.apply(webServer(image, 1))
    for (const { control } of [first, second]) {
      const ports = await control(['get', 'service', 'kube-apiserver', '-o', 'jsonpath={.spec.ports[*].port}'])
      expect(ports).toBe('6443')
    }
  })

  it('are both reached through it, by UDP, which the kernel forwards', async () => {
    await Promise.all([reachEverything(first), reachEverything(second)])
    expect(transportOf(await readTunnel(first))).toBe('udp')
    expect(transportOf(await readTunnel(second, 'second'))).toBe('udp')
    const { destinations, udp } = await readDoor(installation)
    expect(destinations).toEqual({ tunnels: 2, servers: 2, refused: 0 })
    expect(udp.kernel.packets).toBeGreaterThan(0)
  })

  it('change to TLS by themselves while UDP is blocked, and back', async () => {
    {
      await using _firewall = await blockUdp(runner, installation, 'first')
      await eventually(60, async () => expect(transportOf(await readTunnel(first))).toBe('tls'))
      await reachEverything(first)
      expect((await readDoor(installation)).tls.open).toBe(1)
      // The other shoot has a network of its own, in which nothing is blocked.
      expect(transportOf(await readTunnel(second, 'second'))).toBe('udp')
    }
    await eventually(90, async () => expect(transportOf(await readTunnel(first))).toBe('udp'))
    await reachEverything(first)
  })
})

describe('an API server that comes in by http-connect', () => {
  it('takes the place of one that shares a pod with the tunnel, at the next reconcile', async () => {
    installation.set({ TRELLIS_HTTP_CONNECT: 'yes' })
    await installation.must(['up'])
    await first.garden(['annotate', 'shoot', 'first', 'gardener.cloud/operation=reconcile'])
    await eventually(180, async () => {
      const containers = 'jsonpath={.items[*].spec.containers[*].name}'
      expect(await first.control(['get', 'pods', '-l', 'app=kube-apiserver', '-o', containers])).toBe('kube-apiserver')
    })
    await ready('first')
  })

  it('reaches everything, through the same door', async () => {
    await reachEverything(first)
    expect(transportOf(await readTunnel(first, 'first', 'vpn-seed'))).toBe('udp')
    expect((await readDoor(installation)).destinations.tunnels).toBe(2)
  })

  it('reaches everything inside TLS, too', async () => {
    await using _firewall = await blockUdp(runner, installation, 'first')
    await eventually(60, async () => expect(transportOf(await readTunnel(first, 'first', 'vpn-seed'))).toBe('tls'))
    expect(await first.shoot(['exec', 'deployment/web', '--', '/agnhost', '--version'])).toContain('version')
  })

  it('has the log of its tunnel where one looks for it', async () => {
    expect(await installation.must(['logs', 'vpn-seed'])).toContain('"name":"vpn-seed"')
    expect(await installation.must(['logs', 'front-door'])).not.toContain('"level":50')
  })

  it('leaves the other shoot as it is until its own reconcile', async () => {
    const containers = 'jsonpath={.items[*].spec.containers[*].name}'
    const found = await second.control(['get', 'pods', '-l', 'app=kube-apiserver', '-o', containers])
    expect(found).toBe('kube-apiserver vpn-seed')
    expect(await second.shoot(['exec', 'deployment/web', '--', '/agnhost', '--version'])).toContain('version')
  })
})

async function ready(shoot: string): Promise<void> {
  await eventually(300, async () => {
    const { status, metadata } = JSON.parse(await first.garden(['get', 'shoot', shoot, '-o', 'json']))
    expect(metadata.annotations?.['gardener.cloud/operation']).toBeUndefined()
    expect(status?.lastOperation).toMatchObject({ state: 'Succeeded' })
  })
}

/** Every way by which an API server gets into a shoot: exec, logs, port-forward, the proxy of a node, an aggregated API. */
async function reachEverything(clusters: Clusters): Promise<void> {
  const { shoot } = clusters
  await shoot(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  expect(await shoot(['exec', 'deployment/web', '--', '/agnhost', '--version'])).toContain('version')
  expect(await shoot(['logs', 'deployment/web'])).toContain('8080')
  const [node] = await clusters.readyNodes()
  expect(await shoot(['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`])).toBe('ok')
  const forwarding = (lines: readonly string[]): boolean => lines.some((line) => line.includes('from 127.0.0.1'))
  const target = clusters === second ? ['--shoot', 'second'] : []
  const forward = ['kubectl', ...target, 'port-forward', 'deployment/web', ':8080']
  await clusters.follow(forward, forwarding, async (lines) => {
    const port = /127\.0\.0\.1:(\d+)/.exec(lines.join('\n'))?.[1]
    expect(await (await fetch(`http://127.0.0.1:${port}/hostname`)).text()).toMatch(/^web-/)
  })
  await eventually(120, async () => {
    const { items } = JSON.parse(await shoot(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes']))
    expect(items.length).toBeGreaterThan(0)
  })
}
