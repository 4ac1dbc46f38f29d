import { removeClusterLeftovers } from '../../aws/flow.ts'
import type { World } from '../../aws/world.ts'
import { type AwsInfrastructureOptions, createWorlds } from '../../aws/worlds.ts'
import type { InfrastructureRequest } from '../../engine.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { type AwsVariables, awsModule } from './aws.ts'
import { findExistingAws } from './aws-lookup.ts'

/** The module for AWS with a connection to ask what exists, and to take away what clusters left. Both go by the cluster's tag and by names, which the module gives to everything. */
export function connectedAws(options: AwsInfrastructureOptions): OpenTofuCloud {
  const open = createWorlds(options)
  // Addresses of the module say nothing to what looks.
  const inWorld = <Answer>(request: InfrastructureRequest, work: (world: World) => Promise<Answer>) =>
    open({ ...request, state: {}, save: async () => {} }, false, work)
  return awsModule({
    findExisting: (request, variables) =>
      // Variables come from the module, also those that were stored.
      inWorld(request, (world) => findExistingAws(world, variables as unknown as AwsVariables)),
    removeLeftovers: (request) => inWorld(request, (world) => removeClusterLeftovers(world, options.random)),
  })
}
