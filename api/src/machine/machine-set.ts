import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import {
  choice,
  complete,
  instant,
  int32,
  list,
  objectFields,
  openChoice,
  optional,
  partial,
  text,
} from '../schema-parts.ts'
import {
  classReferenceSchema,
  count,
  labelSelectorSchema,
  lastOperationSchema,
  machineGroup,
  machineSummarySchema,
  machineTemplateSchema,
  machineVersion,
  observedGenerationSchema,
  scalePaths,
} from './common.ts'

/** A condition of a machine set. */
const machineSetConditionSchema = complete('A condition of the machine set.', {
  type: openChoice('Type of the condition.', ['ReplicaFailure', 'Frozen']),
  status: choice('Whether it holds.', ['True', 'False', 'Unknown']),
  lastTransitionTime: optional(instant('When the status last changed.')),
  reason: optional(text('Why, in one word.')),
  message: optional(text('Why, for people.')),
})

/** Schema of a MachineSet. */
export const machineSetSchema = complete('A number of equal machines.', {
  ...objectFields,
  spec: optional(
    partial('The machines that are wanted.', {
      autoPreserveFailedMachineMax: int32('How many failed machines are preserved by themselves at most.'),
      machineClass: classReferenceSchema,
      minReadySeconds: int32('How long a machine must run before it counts as available.'),
      replicas: int32('How many machines are wanted.'),
      selector: labelSelectorSchema,
      template: machineTemplateSchema,
    }),
  ),
  status: optional(
    partial('The machines that there are.', {
      autoPreserveFailedMachineCount: count('Failed machines that were preserved by themselves.'),
      availableReplicas: count('Machines that are available.'),
      failedMachines: list('Machines whose last operation failed.', machineSummarySchema),
      fullyLabeledReplicas: count('Machines that carry all labels of the template.'),
      lastOperation: lastOperationSchema,
      machineSetCondition: list('Conditions of the machine set.', machineSetConditionSchema),
      observedGeneration: observedGenerationSchema,
      preservedFailedReplicas: count('Failed machines that are preserved.'),
      readyReplicas: count('Machines that are ready.'),
      replicas: count('Machines that there are.'),
    }),
  ),
})

/** A number of equal machines. */
export type MachineSet = Static<typeof machineSetSchema>
export type MachineSetSpec = NonNullable<MachineSet['spec']>
export type MachineSetStatus = NonNullable<MachineSet['status']>
export type MachineSetCondition = Static<typeof machineSetConditionSchema>

/** Where machine sets are served. */
export const machineSets: Resource<MachineSet> = {
  group: machineGroup,
  version: machineVersion,
  kind: 'MachineSet',
  plural: 'machinesets',
  namespaced: true,
}

/** The definition of the kind MachineSet. */
export const machineSetDefinition: CustomResource<MachineSet> = {
  resource: machineSets,
  singular: 'machineset',
  shortNames: ['mcs'],
  description: 'A number of equal machines.',
  schema: machineSetSchema,
  status: true,
  scale: scalePaths,
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.spec.replicas', description: 'Machines that are wanted.' },
    { name: 'Current', type: 'integer', jsonPath: '.status.replicas', description: 'Machines that there are.' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Machines that are ready.' },
    ageColumn,
  ],
}
