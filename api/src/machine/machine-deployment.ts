import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import {
  choice,
  complete,
  flag,
  instant,
  int32,
  int64,
  list,
  numberOrPercentage,
  objectFields,
  openChoice,
  optional,
  partial,
  text,
} from '../schema-parts.ts'
import {
  count,
  labelSelectorSchema,
  machineGroup,
  machineSummarySchema,
  machineTemplateSchema,
  machineVersion,
  observedGenerationSchema,
  scalePaths,
} from './common.ts'

const surgeFields = {
  maxSurge: numberOrPercentage('How many machines may exist beyond the wanted number; shares round up.'),
  maxUnavailable: numberOrPercentage('How many of the wanted machines may be missing; shares round down.'),
}

/** How machines are replaced when the template changes. */
const strategySchema = partial('How machines are replaced when the template changes.', {
  type: openChoice('The strategy.', ['Recreate', 'RollingUpdate', 'InPlaceUpdate']),
  rollingUpdate: partial('Bounds of a rolling update.', surgeFields),
  inPlaceUpdate: partial('Bounds of an update in place.', {
    ...surgeFields,
    orchestrationType: openChoice('Who chooses the machines to update.', ['Auto', 'Manual']),
  }),
})

/** A condition of a machine deployment. */
const machineDeploymentConditionSchema = complete('A condition of the machine deployment.', {
  type: openChoice('Type of the condition.', ['Available', 'Progressing', 'ReplicaFailure', 'Frozen']),
  status: choice('Whether it holds.', ['True', 'False', 'Unknown']),
  lastUpdateTime: optional(instant('When the condition was last written.')),
  lastTransitionTime: optional(instant('When the status last changed.')),
  reason: optional(text('Why, in one word.')),
  message: optional(text('Why, for people.')),
})

/** The spec of a MachineDeployment. */
const machineDeploymentSpecSchema = complete('The machines that are wanted and how they change.', {
  autoPreserveFailedMachineMax: optional(int32('How many failed machines are preserved by themselves at most.')),
  minReadySeconds: optional(int32('How long a machine must run before it counts as available.')),
  paused: optional(flag('Stops a rollout; scaling still works.')),
  progressDeadlineSeconds: optional(int32('How long a rollout may stand still before it counts as failed.')),
  replicas: optional(int32('How many machines are wanted.')),
  revisionHistoryLimit: optional(int32('How many old machine sets are kept; all of them when absent.')),
  rollbackTo: optional(
    partial('Deprecated: rolls back once.', {
      revision: int64('The revision to go back to; 0 is the one before.'),
    }),
  ),
  selector: optional(labelSelectorSchema),
  strategy: optional(strategySchema),
  template: machineTemplateSchema,
})

/** Schema of a MachineDeployment. */
export const machineDeploymentSchema = complete('A number of equal machines that are replaced in good order.', {
  ...objectFields,
  spec: optional(machineDeploymentSpecSchema),
  status: optional(
    partial('The machines that there are.', {
      availableReplicas: count('Machines that are available.'),
      collisionCount: count('How often the name of a new machine set was taken.'),
      conditions: list('Conditions of the machine deployment.', machineDeploymentConditionSchema),
      failedMachines: list('Machines whose last operation failed.', machineSummarySchema),
      observedGeneration: observedGenerationSchema,
      preservedFailedReplicas: count('Failed machines that are preserved.'),
      readyReplicas: count('Machines that are ready.'),
      replicas: count('Machines that there are.'),
      unavailableReplicas: count('Wanted machines that are not available.'),
      updatedReplicas: count('Machines made from the present template.'),
    }),
  ),
})

/** A number of equal machines that are replaced in good order. */
export type MachineDeployment = Static<typeof machineDeploymentSchema>
export type MachineDeploymentSpec = Static<typeof machineDeploymentSpecSchema>
export type MachineDeploymentStatus = NonNullable<MachineDeployment['status']>
export type MachineDeploymentCondition = Static<typeof machineDeploymentConditionSchema>
export type MachineDeploymentStrategy = Static<typeof strategySchema>

/** Where machine deployments are served. */
export const machineDeployments: Resource<MachineDeployment> = {
  group: machineGroup,
  version: machineVersion,
  kind: 'MachineDeployment',
  plural: 'machinedeployments',
  namespaced: true,
}

/** The definition of the kind MachineDeployment. */
export const machineDeploymentDefinition: CustomResource<MachineDeployment> = {
  resource: machineDeployments,
  singular: 'machinedeployment',
  shortNames: ['mcd'],
  description: 'A number of equal machines that are replaced in good order when their template changes.',
  schema: machineDeploymentSchema,
  status: true,
  scale: scalePaths,
  columns: [
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Machines that are ready.' },
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas', description: 'Machines that are wanted.' },
    {
      name: 'Up-to-date',
      type: 'integer',
      jsonPath: '.status.updatedReplicas',
      description: 'Machines made from the present template.',
    },
    {
      name: 'Available',
      type: 'integer',
      jsonPath: '.status.availableReplicas',
      description: 'Machines that are available.',
    },
    ageColumn,
  ],
}
