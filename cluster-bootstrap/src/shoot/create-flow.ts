import { defineFlow, type Flow } from '@trellis/flow/define-flow'
import { addOns, addOnsAvailable } from '../tasks/add-ons.ts'
import { apiServerReady, care, etcdReady } from '../tasks/api-server-ready.ts'
import { cloudCredentials } from '../tasks/cloud-credentials.ts'
import { controlPlane } from '../tasks/control-plane.ts'
import { controllersReady } from '../tasks/controllers-ready.ts'
import { frontDoor } from '../tasks/front-door.ts'
import { infrastructure } from '../tasks/infrastructure.ts'
import { kubeconfig } from '../tasks/kubeconfig.ts'
import { machineController } from '../tasks/machine-controller.ts'
import { machines } from '../tasks/machines.ts'
import { namespace } from '../tasks/namespace.ts'
import { nodesReady } from '../tasks/nodes-ready.ts'
import { secrets } from '../tasks/secrets.ts'
import type { ShootServices } from '../tasks/services.ts'
import { tunnel } from '../tasks/tunnel.ts'
import { tunnelDoor } from '../tasks/tunnel-door.ts'
import { tunnelEndsGone } from '../tasks/tunnel-ends-gone.ts'
import { tunnelLinks } from '../tasks/tunnel-links.ts'

/**
 * The graph that grows a shoot, and brings one up to its spec. Machines wait for nothing but the address, the secrets and the network, so
 * that they boot while the control plane starts.
 */
export function makeCreateFlow(): Flow<ShootServices> {
  return defineFlow('create shoot', [
    namespace,
    infrastructure,
    frontDoor,
    cloudCredentials,
    secrets,
    tunnelDoor,
    tunnelLinks,
    machineController,
    machines,
    controlPlane,
    etcdReady,
    apiServerReady,
    care,
    addOns,
    kubeconfig,
    controllersReady,
    nodesReady,
    addOnsAvailable,
    tunnelEndsGone,
    tunnel,
  ])
}
