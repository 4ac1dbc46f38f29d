import { Failure } from '@trellis/foundation/failure'
import { root } from '../configuration.ts'
import type { InfrastructureContext } from '../context.ts'
import type { InfrastructureTask } from '../task.ts'

/** Finds the network to the outside, which is the cloud's. Everything else comes after it, so that nothing is made of a configuration that names one that is not there. */
export const externalNetwork: InfrastructureTask = {
  what: 'external-network',
  dependsOn: [],
  apply: async (context) => {
    await context.memory.remember('external-network', (await findExternalNetwork(context)).id)
  },
  plan: async (context) => {
    await findExternalNetwork(context)
    return []
  },
  destroy: async ({ memory }) => memory.remember('external-network', undefined),
}

/** The network to the outside, by its name. */
export async function findExternalNetwork({ client, configuration, call }: InfrastructureContext) {
  const name = configuration.floatingPoolName
  const networks = await client.networks.list({ name, 'router:external': true }, call)
  const [network] = networks.filter((one) => one.name === name && one['router:external'] === true)
  if (network !== undefined) return network
  throw new Failure('Invalid', `the cloud has no network to the outside of the name ${name}`, {
    field: `${root}.floatingPoolName`,
  })
}
