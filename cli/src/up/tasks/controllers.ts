import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { controllerValues } from '../../garden/controller-values.ts'
import { installChart } from '../../garden/helm.ts'
import { findTunnelDoor } from '../../garden/tunnel-door.ts'
import type { UpServices } from '../services.ts'
import { partsOutput } from './parts.ts'

/** Address of the seed's front door that the controllers were told; empty when they were told none. */
export const controllersOutput = defineOutput(
  'controllers',
  createParser(Type.Object({ tunnelDoor: Type.String() }), 'what the controllers were told').parse,
)

/**
 * Installs Trellis's own controllers into the garden, with Helm. A front door that they shall use gets its address from one of them, so they are told it
 * here only when there is one from an earlier run.
 */
export const controllers: Task<UpServices> = {
  id: 'controllers',
  dependsOn: ['garden kinds', 'garden secrets', 'parts'],
  consumes: [partsOutput],
  produces: controllersOutput,
  retry: { backoff: { firstMilliseconds: 500, longestMilliseconds: 2000 }, deadlineMilliseconds: 120_000 },
  run: async ({ services, read, signal }) => {
    const { programs, images } = read(partsOutput)
    const { installation } = services
    const tunnelDoor = installation.tunnelDoor === 'seed' ? await findTunnelDoor(await services.garden()) : undefined
    const values = controllerValues(images, installation, tunnelDoor)
    await installChart({ ...services, programs, signal }, 'trellis', values)
    return { tunnelDoor: tunnelDoor ?? '' }
  },
}
