import type { Network } from '@trellis/cloudprovider/openstack/resources'
import type { PlannedChange } from '../../engine.ts'
import type { InfrastructureContext } from '../context.ts'
import { ensureOwn, findGiven, findOwn, removeOwn, type Sort } from '../named.ts'
import type { InfrastructureTask } from '../task.ts'

/** The network that nodes are in. */
export const network: InfrastructureTask = {
  what: 'network',
  dependsOn: ['external-network'],
  apply: async (context) => {
    const { client, configuration, memory } = context
    if (configuration.networkId === undefined) {
      await ensureOwn(context, sortOf(context), {})
      return
    }
    const given = await findGiven(context, client.networks, configuration.networkId, 'networks.id')
    await memory.remember('network', given.id)
  },
  plan: async (context): Promise<readonly PlannedChange[]> => {
    if (context.configuration.networkId !== undefined) return []
    return (await findOwn(context, sortOf(context))) === undefined ? [{ action: 'create', what: 'network' }] : []
  },
  destroy: async (context) => {
    const { configuration, memory } = context
    if (configuration.networkId !== undefined) return memory.remember('network', undefined)
    await removeOwn(context, sortOf(context))
  },
}

/** The network of a cluster, its own or the user's, by id; undefined when there is none (any more). */
export async function findNetworkId(context: InfrastructureContext): Promise<string | undefined> {
  return context.configuration.networkId ?? (await findOwn(context, sortOf(context)))?.id
}

function sortOf({ client }: InfrastructureContext): Sort<Network> {
  return { what: 'network', collection: client.networks }
}
