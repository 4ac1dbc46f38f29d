import { defineFlow, type Flow } from '@trellis/flow/define-flow'
import {
  cloudControllerStopped,
  credentialsReleased,
  infrastructureGone,
} from '../tasks/deletion/infrastructure-gone.ts'
import { machineClassesGone, machinesGone } from '../tasks/deletion/machines-gone.ts'
import { kubeconfigGone, namespaceGone, namespaceGoneLast } from '../tasks/deletion/namespace-gone.ts'
import type { DeletionServices } from '../tasks/services.ts'

/**
 * The graph that takes a shoot down. It works for shoots that were never finished, too. Where the control namespace keeps the state of the infrastructure, it outlives
 * the infrastructure.
 */
export function makeDeleteFlow({ stateInNamespace = false } = {}): Flow<DeletionServices> {
  return defineFlow('delete shoot', [
    kubeconfigGone,
    machinesGone,
    machineClassesGone,
    cloudControllerStopped,
    infrastructureGone,
    credentialsReleased,
    stateInNamespace ? namespaceGoneLast : namespaceGone,
  ])
}
