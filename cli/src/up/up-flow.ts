import { defineFlow, type Flow } from '@trellis/flow/define-flow'
import type { UpServices } from './services.ts'
import { cloud } from './tasks/cloud.ts'
import { controllers } from './tasks/controllers.ts'
import { controllersReady } from './tasks/controllers-ready.ts'
import { gardenApi } from './tasks/garden-api.ts'
import { gardenKeys } from './tasks/garden-keys.ts'
import { gardenKinds } from './tasks/garden-kinds.ts'
import { gardenMachineTask } from './tasks/garden-machine.ts'
import { gardenNetwork } from './tasks/garden-network.ts'
import { gardenObjects, gardenSecrets } from './tasks/garden-objects.ts'
import { host } from './tasks/host.ts'
import { parts } from './tasks/parts.ts'
import { shoot, shootKubeconfig, shootReady } from './tasks/shoot.ts'
import { tunnelDoor } from './tasks/tunnel-door.ts'

/**
 * From a bare machine to a shoot. Every task finds what an earlier run made, so a run that was killed is simply begun again:
 * the flow keeps no journal of its own.
 */
export const upFlow: Flow<UpServices> = defineFlow('up', [
  host,
  parts,
  cloud,
  gardenKeys,
  gardenNetwork,
  gardenMachineTask,
  gardenApi,
  gardenKinds,
  gardenSecrets,
  controllers,
  tunnelDoor,
  controllersReady,
  gardenObjects,
  shoot,
  shootReady,
  shootKubeconfig,
])
