import type { Machine } from '@trellis/api/machine/machine'
import type { MachineContext } from './context.ts'
import { nodeNameOf } from './node-view.ts'

const zoneLabel = 'topology.kubernetes.io/zone'

/** The zone of a machine as its class says, else its Node, else the labels that its Node is to have; empty when nobody does. */
export function zoneOf({ classes, target }: Pick<MachineContext, 'classes' | 'target'>, machine: Machine): string {
  const ofClass = classes.findClass(machine.spec?.class?.name ?? '')?.nodeTemplate?.zone
  if (ofClass !== undefined && ofClass !== '') return ofClass
  const name = nodeNameOf(machine)
  const ofNode = name === undefined ? undefined : target?.nodes.get({ name })?.metadata.labels?.[zoneLabel]
  return ofNode ?? machine.spec?.nodeTemplate?.metadata?.labels?.[zoneLabel] ?? ''
}
