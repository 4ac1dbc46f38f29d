import type { InfrastructureOutputs } from '@trellis/cluster-bootstrap/infrastructure/engine'
import type { OpenStack } from '../openstack/start-openstack.ts'
import type { Project } from './bed.ts'

/** What two clusters left in one project: that of the project's shoot, and a stranger. */
export interface Leftovers {
  /** Ids of what is still there, sorted. */
  remaining(): Promise<readonly string[]>
  /** Ids of what the stranger left, sorted. */
  readonly ofStranger: readonly string[]
}

interface Thing {
  readonly id: string
}

/** Leaves what clusters leave at Neutron: an address and a group of a load balancer, a route to pods, a port of a server whose creation was cut short. The stranger is not in the shoot's network. */
export async function leaveByClusters(
  { administrator: { call } }: OpenStack,
  { id: project_id, technicalId }: Project,
  { network = '', subnet = '', router = '', floatingNetwork = '' }: InfrastructureOutputs,
): Promise<Leftovers> {
  const make = async (sort: string, word: string, fields: object): Promise<string> => {
    const made = await call<Record<string, Thing>>('neutron', 'POST', `/${sort}`, { [word]: { project_id, ...fields } })
    return made[word]?.id ?? ''
  }
  const leave = async (cluster: string) => [
    await make('floatingips', 'floatingip', {
      floating_network_id: floatingNetwork,
      description: `Floating IP for Kubernetes external service default/web from cluster ${cluster}`,
    }),
    await make('security-groups', 'security_group', {
      name: 'lb-sg-1',
      description: `Security Group for default/web Service LoadBalancer in cluster ${cluster}`,
    }),
  ]
  const own = await leave(technicalId)
  const ofStranger = (await leave(`${technicalId}x`)).toSorted()
  own.push(await make('ports', 'port', { network_id: network, name: 'cut-short' }))
  const { subnet: range } = await call<{ subnet: { gateway_ip: string } }>('neutron', 'GET', `/subnets/${subnet}`)
  const nexthop = range.gateway_ip.replace(/\.\d+$/, '.77')
  await call('neutron', 'PUT', `/routers/${router}/add_extraroutes`, {
    router: { routes: [{ destination: '100.96.1.0/24', nexthop }] },
  })
  const all = new Set([...own, ...ofStranger])
  const list = async (sort: string) => {
    const found = await call<Record<string, readonly Thing[]>>('neutron', 'GET', `/${sort}?project_id=${project_id}`)
    return (found[sort.replaceAll('-', '_')] ?? []).flatMap(({ id }) => (all.has(id) ? [id] : []))
  }
  return {
    ofStranger,
    remaining: async () => (await Promise.all(['floatingips', 'security-groups', 'ports'].map(list))).flat().toSorted(),
  }
}
