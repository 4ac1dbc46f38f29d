import { Failure } from '@trellis/foundation/failure'
import type { InfrastructureTask, Scene } from '../scene.ts'
import { descriptionOf, keep } from './keep.ts'

const own = keep({
  what: 'network',
  sort: 'Networks',
  name: ({ names }) => names.network,
  usualName: ({ names }) => names.network,
  body: async (scene) => ({
    description: descriptionOf(scene),
    autoCreateSubnetworks: false,
    routingConfig: { routingMode: 'REGIONAL' },
  }),
  drifts: async () => [],
})

/** The network of a shoot: its own, or one that is there already, which is looked at only. */
export const network: InfrastructureTask = {
  what: own.what,
  plan: async (scene) => {
    if (scene.wanted.given.network === undefined) return own.plan(scene)
    await check(scene, scene.wanted.given.network)
    return []
  },
  apply: async (scene) => {
    if (scene.wanted.given.network === undefined) return own.apply(scene)
    await check(scene, scene.wanted.given.network)
  },
  destroy: async (scene) => {
    if (scene.wanted.given.network === undefined) await own.destroy(scene)
  },
}

async function check({ client }: Scene, name: string): Promise<void> {
  if ((await client.find('Networks', name)) !== undefined) return
  throw new Failure('Invalid', `there is no network ${name} in the project ${client.project}`, {
    field: 'spec.provider.infrastructureConfig.networks.vpc.name',
  })
}
