import { createNetworkDouble, type NetworkDouble } from '@trellis/cloudprovider/openstack/testing/network-double'
import { createSeededRandom } from '@trellis/foundation/random'
import { createDyingProcess } from '../../../testing/dying-process.ts'
import { createHastyClock } from '../../../testing/hasty-clock.ts'
import {
  describeInfrastructure,
  type InfrastructureHarness,
  type InfrastructureWish,
} from '../../../testing/infrastructure-conformance.ts'
import { openStackHoldings } from '../../../testing/openstack-holdings.ts'
import { createOpenStackInfrastructure } from './engine.ts'

const questions = new Set(['list', 'get', 'hasVolumes', 'hasLoadBalancers'])

function wishFor(cluster: string, dnsServers: readonly string[] = ['192.0.2.53']): InfrastructureWish {
  return {
    technicalId: `shoot--os--${cluster}`,
    region: 'RegionOne',
    zones: ['nova'],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: { floatingPoolName: 'outside', networks: { workers: '10.250.0.0/24', dnsServers } },
    secret: {
      authURL: 'https://keystone.example/v3',
      username: 'grower',
      password: 'correct-horse',
      tenantName: 'tenant-of-tests',
      domainName: 'domain-of-tests',
    },
  }
}

const holdings = (double: NetworkDouble, cluster: string, show: 'id' | 'name') =>
  openStackHoldings(double, wishFor(cluster).technicalId, show)

/** A load balancer with its address and group, a port of a creation that was cut short, a volume of a pod. */
async function leaveBehind(double: NetworkDouble, cluster: string): Promise<void> {
  using client = double.connect()
  const { technicalId: name } = wishFor(cluster)
  const [network] = await client.networks.list({ name })
  const [subnet] = await client.subnets.list({ name })
  const [outside] = await client.networks.list({ 'router:external': true })
  const description = `Floating IP for Kubernetes external service default/web from cluster ${name}`
  await client.floatingIps.create({ floating_network_id: outside?.id, description })
  const group = `Security Group for default/web Service LoadBalancer in cluster ${name}`
  await client.securityGroups.create({ name: 'lb-sg-1', description: group })
  await client.ports.create({ name: 'cut-short', network_id: network?.id })
  await client.volumes.create({ name: 'pvc-1', metadata: { 'cinder.csi.openstack.org/cluster': name } })
  double.add('loadBalancers', { name: `kube_service_${name}_default_web`, vip_subnet_id: subnet?.id })
}

async function open(): Promise<InfrastructureHarness> {
  const double = createNetworkDouble()
  const ports = { clock: createHastyClock(), random: createSeededRandom('infrastructure') }
  return {
    engine: (diesAt, when = 'after') => {
      const death = diesAt === undefined ? undefined : { at: diesAt, when }
      const { wrap, calls } = createDyingProcess((name) => questions.has(name), death)
      const engine = createOpenStackInfrastructure({ ...ports, connect: () => wrap(double.connect()) })
      return { engine, calls, writes: calls }
    },
    moments: ['before', 'after'],
    request: (cluster) => wishFor(cluster),
    changed: (cluster) => wishFor(cluster, ['192.0.2.53', '192.0.2.54']),
    remains: async (cluster) => holdings(double, cluster, 'id'),
    names: async (cluster) => holdings(double, cluster, 'name'),
    leaveBehind: (cluster) => leaveBehind(double, cluster),
    [Symbol.asyncDispose]: async () => {},
  }
}

const root = 'spec.provider.infrastructureConfig'

describeInfrastructure('the engine of OpenStack', open, {
  refusals: [
    { reason: 'no configuration', configuration: undefined, field: root },
    {
      reason: 'a network to the outside that is not there',
      configuration: { floatingPoolName: 'nowhere', networks: { workers: '10.250.0.0/24' } },
      field: `${root}.floatingPoolName`,
    },
    {
      reason: 'another range of nodes',
      configuration: { floatingPoolName: 'outside', networks: { workers: '10.250.1.0/24' } },
      field: `${root}.networks.workers`,
      once: 'made',
    },
  ],
})
