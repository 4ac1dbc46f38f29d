import type { OpenStackClient } from '@trellis/cloudprovider/openstack/client'
import { connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { createOpenStackInfrastructure } from '@trellis/cluster-bootstrap/infrastructure/openstack/engine'
import type { InfrastructureHarness } from '@trellis/cluster-bootstrap/testing/infrastructure-conformance'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import type { Account } from '../start-openstack.ts'
import { dyingClient, type Tally } from './dying-client.ts'

/** What a harness of infrastructure works with. */
export interface InfrastructureHarnessOptions {
  readonly account: Account
  readonly client: OpenStackClient
  readonly region: string
  readonly externalNetwork: string
  /** Tells the clusters of tests apart. */
  readonly unique: string
}

/** A harness in one project for all tests; what is left is taken away at the end. */
export function openInfrastructureHarness(options: InfrastructureHarnessOptions): InfrastructureHarness {
  const { account, client, region, unique } = options
  const ports = { clock: createSystemClock(), random: createSystemRandom() }
  const nameOf = (cluster: string) => `shoot--${unique}--${cluster}`
  const request = (cluster: string, dnsServers: readonly string[]) => ({
    technicalId: nameOf(cluster),
    region,
    zones: ['nova'],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: {
      apiVersion: 'openstack.provider.extensions.gardener.cloud/v1alpha1',
      kind: 'InfrastructureConfig',
      floatingPoolName: options.externalNetwork,
      networks: { workers: '10.250.0.0/24', dnsServers },
    },
    secret: account.secret,
  })
  return {
    crashStride: 4,
    engine: (diesAfter = Number.POSITIVE_INFINITY) => {
      const tally: Tally = { calls: 0, writes: 0, diesAfter }
      const engine = createOpenStackInfrastructure({
        ...ports,
        connect: (wish) => dyingClient(connectOpenStack(wish), tally),
      })
      return { engine, calls: () => tally.calls, writes: () => tally.writes }
    },
    request: (cluster) => request(cluster, ['192.0.2.53']),
    changed: (cluster) => request(cluster, ['192.0.2.53', '192.0.2.54']),
    remains: (cluster) => remains(client, nameOf(cluster)),
    leaveBehind: (cluster) => leaveBehind(client, nameOf(cluster)),
    [Symbol.asyncDispose]: async () => {
      const names = new Set((await client.networks.list({})).map(({ name }) => name))
      for (const name of names) {
        if (!name.startsWith(`shoot--${unique}--`)) continue
        const engine = createOpenStackInfrastructure(ports)
        const wish = request(name.slice(`shoot--${unique}--`.length), [])
        const rest = { state: {}, save: async () => {}, signal: new AbortController().signal, note: () => {} }
        await engine.destroy({ ...wish, ...rest })
      }
    },
  }
}

/** All that bears the cluster's name, and all addresses that are for it. */
async function remains(client: OpenStackClient, name: string): Promise<readonly string[]> {
  const sorts = ['networks', 'subnets', 'routers', 'securityGroups'] as const
  const named = await Promise.all(
    sorts.map(async (sort) => (await client[sort].list({ name })).map(({ id }) => `${sort} ${id}`)),
  )
  const routers = await client.routers.list({ name })
  const interfaces = await Promise.all(routers.map(({ id }) => client.ports.list({ device_id: id })))
  const addresses = (await client.floatingIps.list({})).filter(({ description }) => description?.includes(name))
  const groups = (await client.securityGroups.list({})).filter(({ description }) => description?.includes(` ${name}`))
  const key = await client.keypairs.get(name).then(
    () => [`key pair ${name}`],
    () => [],
  )
  const joined = interfaces.flat().filter(({ device_owner }) => device_owner === 'network:router_interface')
  return [
    ...named.flat(),
    ...key,
    ...joined.map(({ id }) => `interface ${id}`),
    ...addresses.map(({ id }) => `address ${id}`),
    ...groups.map(({ id }) => `group ${id}`),
  ].sort()
}

/** A route to pods, a floating address and a group as the controllers for services name them, and a port of a creation that was cut short. */
async function leaveBehind(client: OpenStackClient, name: string): Promise<void> {
  const [network] = await client.networks.list({ name })
  const [outside] = await client.networks.list({ 'router:external': true })
  await client.floatingIps.create({
    floating_network_id: outside?.id,
    description: `Floating IP for Kubernetes external service default/web from cluster ${name}`,
  })
  await client.securityGroups.create({
    name: 'lb-sg-1',
    description: `Security Group for default/web Service LoadBalancer in cluster ${name}`,
  })
  await client.ports.create({ name: 'cut-short', network_id: network?.id })
  const [router] = await client.routers.list({ name })
  await client.addRouterRoutes(router?.id ?? '', [{ destination: '100.96.1.0/24', nexthop: '10.250.0.77' }])
}
