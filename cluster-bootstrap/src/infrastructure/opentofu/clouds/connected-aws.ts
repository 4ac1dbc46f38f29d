import { removeClusterLeftovers } from '../../aws/flow.ts'
import { type AwsInfrastructureOptions, createWorlds } from '../../aws/worlds.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { awsModule } from './aws.ts'

/** The module for AWS with a connection to take away what clusters left. That is found by the cluster's tag, which the module gives to everything; its own groups are told apart by their names. */
export function connectedAws(options: AwsInfrastructureOptions): OpenTofuCloud {
  const inWorld = createWorlds(options)
  return awsModule({
    removeLeftovers: (request) =>
      inWorld({ ...request, state: {}, save: async () => {} }, false, (world) =>
        removeClusterLeftovers(world, options.random),
      ),
  })
}
