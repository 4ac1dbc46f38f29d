import { secrets as secretResource } from '@trellis/api/core/configuration'
import { services as serviceResource } from '@trellis/api/core/service'
import type { Task } from '@trellis/flow/task'
import { mostApiServerReplicas } from '../secrets/tunnel-generations.ts'
import { replicaName, upTo } from '../shoot/tunnel-ports.ts'
import { frontDoorService } from './front-door.ts'
import { briefly, type ShootServices } from './services.ts'
import { forgetDoors } from './tunnel-door.ts'

/** Takes away what ends of the tunnel had that are wanted no longer, on either side, after they have gone: ports, keys, entries of the seed's front door. */
export const tunnelEndsGone: Task<ShootServices> = {
  id: 'tunnel-ends-gone',
  dependsOn: ['add-ons-available'],
  retry: briefly,
  run: async ({ services }) => {
    const { seed, blueprint } = services
    const { technicalId: namespace, apiServerReplicas } = blueprint
    await seed.apply(serviceResource, frontDoorService(namespace, blueprint, services))
    await forgetDoors(services)
    for (const replica of upTo(mostApiServerReplicas).slice(apiServerReplicas)) {
      await seed.delete(secretResource, { namespace, name: replicaName('vpn-seed', replica) })
    }
  },
}
