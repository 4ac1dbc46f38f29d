import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { ensureNetwork } from '../infrastructure/local.ts'
import { patiently, type ShootServices } from './services.ts'

const schema = Type.Object({ network: Type.String({ minLength: 1 }), egressAddress: Type.String() })

/** Name of the shoot's network at the cloud and the address from which its pods appear outside. */
export const infrastructureState = defineOutput(
  'infrastructure',
  createParser(schema, 'output of infrastructure').parse,
)

/** Makes the shoot's network at the cloud. Waits for nothing else. */
export const infrastructure: Task<ShootServices> = {
  id: 'infrastructure',
  dependsOn: [],
  produces: infrastructureState,
  retry: patiently,
  run: async ({ services: { cloud, blueprint }, signal }) => {
    const network = await ensureNetwork(cloud, blueprint.technicalId, blueprint.networks.nodes, signal)
    return { network: network.name, egressAddress: network.publicAddress }
  },
}
