import type { Router } from '@trellis/cloudprovider/openstack/resources'
import { Failure } from '@trellis/foundation/failure'
import type { PlannedChange } from '../../engine.ts'
import { root } from '../configuration.ts'
import type { InfrastructureContext } from '../context.ts'
import { ensureOwn, findGiven, findOwn, removeOwn, type Sort } from '../named.ts'
import { type InfrastructureTask, idOf } from '../task.ts'
import { findExternalNetwork } from './external-network.ts'

/** The router, whose gateway gives nodes their way out. */
export const router: InfrastructureTask = {
  what: 'router',
  dependsOn: ['external-network'],
  apply: async (context) => {
    const { client, configuration, memory, call } = context
    if (configuration.routerId !== undefined) {
      const given = await findGiven(context, client.routers, configuration.routerId, 'networks.router.id')
      if (given.external_gateway_info === null) throw withoutGateway(given)
      return memory.remember('router', given.id)
    }
    const outside = idOf(memory, 'external-network')
    const gateway = await gatewayOf(context, outside)
    const own = await ensureOwn(context, sortOf(context), { external_gateway_info: gateway })
    if (leadsTo(own, outside)) return
    await client.routers.update(own.id, { external_gateway_info: gateway }, call)
  },
  plan: async (context): Promise<readonly PlannedChange[]> => {
    if (context.configuration.routerId !== undefined) return []
    const [own, outside] = await Promise.all([findOwn(context, sortOf(context)), findExternalNetwork(context)])
    if (own === undefined) return [{ action: 'create', what: 'router' }]
    return leadsTo(own, outside.id) ? [] : [{ action: 'update', what: 'router', field: 'external_gateway_info' }]
  },
  destroy: async (context) => {
    const { configuration, memory } = context
    if (configuration.routerId !== undefined) return memory.remember('router', undefined)
    await removeOwn(context, sortOf(context))
  },
}

/** The router of a cluster, its own or the user's; undefined when there is none (any more). */
export async function findRouter(context: InfrastructureContext): Promise<Router | undefined> {
  const { client, configuration, call } = context
  if (configuration.routerId === undefined) return findOwn(context, sortOf(context))
  return client.routers.get(configuration.routerId, call)
}

function sortOf({ client }: InfrastructureContext): Sort<Router> {
  return { what: 'router', collection: client.routers }
}

function leadsTo({ external_gateway_info: gateway }: Router, network: string): boolean {
  return gateway?.network_id === network
}

async function gatewayOf({ client, configuration, call }: InfrastructureContext, network: string): Promise<object> {
  const name = configuration.floatingPoolSubnetName
  if (name === undefined) return { network_id: network }
  const [subnet] = await client.subnets.list({ name, network_id: network }, call)
  if (subnet !== undefined) return { network_id: network, external_fixed_ips: [{ subnet_id: subnet.id }] }
  throw new Failure('Invalid', `the network to the outside has no subnet ${name}`, {
    field: `${root}.floatingPoolSubnetName`,
  })
}

function withoutGateway({ id }: Router): Failure {
  return new Failure('Invalid', `the router ${id} has no gateway to the outside`, {
    field: `${root}.networks.router.id`,
    remedy: 'give it one, or leave the field out and a router is made',
  })
}
