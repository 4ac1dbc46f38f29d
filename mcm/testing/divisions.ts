import { type ControllerName, controllerNames } from '../src/controller-selection.ts'
import { withLateWatch } from './late-watch.ts'
import type { Process } from './rig.ts'

/** One way to share the work of the controllers out. */
export interface Division {
  readonly name: string
  readonly parts: readonly (readonly ControllerName[])[]
}

const upper: readonly ControllerName[] = ['machineset', 'machinedeployment', 'machinesafetyovershooting']
const allBut = (...left: readonly ControllerName[]) => controllerNames.filter((name) => !left.includes(name))

/** The division of the reference, those in which a set's controller does not know what its deployment's did, and the finest. */
export const divisions: readonly Division[] = [
  { name: 'machine sets and deployments, and all else', parts: [upper, allBut(...upper)] },
  { name: 'machine sets, and all else', parts: [['machineset'], allBut('machineset')] },
  { name: 'machine deployments, and all else', parts: [['machinedeployment'], allBut('machinedeployment')] },
  {
    name: 'machine sets, deployments, and all else',
    parts: [['machineset'], ['machinedeployment'], allBut('machineset', 'machinedeployment')],
  },
  { name: 'one process for each controller', parts: controllerNames.map((name) => [name]) },
]

/**
 * The processes of a division as networks and API servers may have them at their worst: where another process works on deployments, everything of one kind
 * is seen long after all else.
 */
export function lateProcesses({ parts }: Division, plural: string, milliseconds = 3000): readonly Process[] {
  return parts.map((controllers) =>
    controllers.includes('machinedeployment')
      ? { controllers }
      : {
          controllers,
          wrapControl: (client, clock) => withLateWatch(client, clock, { plural, milliseconds }),
        },
  )
}

/** The processes of a division. */
export function processesOf({ parts }: Division): readonly Process[] {
  return parts.map((controllers) => ({ controllers }))
}
