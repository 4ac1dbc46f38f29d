import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { controllerValues } from '../../garden/controller-values.ts'
import { installChart } from '../../garden/helm.ts'
import { findTunnelDoor, tunnelDoorChart, tunnelDoorValues } from '../../garden/tunnel-door.ts'
import type { UpServices } from '../services.ts'
import { controllersOutput } from './controllers.ts'
import { partsOutput } from './parts.ts'

/**
 * Opens the seed's front door for the tunnels of all shoots and tells the controllers its address, where the installation wants one; else there is nothing to do.
 * A door that is there already stays also when it is not wanted any more: shoots dial it until they are next reconciled.
 */
export const tunnelDoor: Task<UpServices> = {
  id: 'tunnel door',
  dependsOn: ['controllers', 'parts'],
  consumes: [controllersOutput, partsOutput],
  retry: { backoff: { firstMilliseconds: 250, longestMilliseconds: 1000 }, deadlineMilliseconds: 120_000 },
  run: async ({ services, read, signal, note }) => {
    const { installation } = services
    if (installation.tunnelDoor !== 'seed') return
    const { programs, images } = read(partsOutput)
    const helm = { ...services, programs, signal }
    await installChart(helm, tunnelDoorChart, tunnelDoorValues(images))
    const address = await findTunnelDoor(await services.garden())
    if (address === undefined) throw new Failure('Unavailable', 'the front door has no address yet')
    note(address)
    if (read(controllersOutput).tunnelDoor === address) return
    await installChart(helm, 'trellis', controllerValues(images, installation, address))
  },
}
