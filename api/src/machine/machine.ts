import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import { complete, flag, instant, list, objectFields, openChoice, optional, partial, text } from '../schema-parts.ts'
import { lastOperationSchema, machineGroup, machineSpecSchema, machineVersion } from './common.ts'
import { machineStoryFields } from './story.ts'

/** Every phase that a machine can be in; the empty one means that it is being created. */
export const machinePhases = [
  '',
  'Pending',
  'Available',
  'Running',
  'Unknown',
  'Failed',
  'CrashLoopBackOff',
  'Terminating',
  'InPlaceUpdating',
  'InPlaceUpdateSuccessful',
  'InPlaceUpdateFailed',
] as const
export type MachinePhase = (typeof machinePhases)[number]

/** An address of the server, as nodes report it. */
const addressSchema = complete('An address of the machine.', {
  type: text('Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.'),
  address: text('The address.'),
})

/** A condition copied from the machine's Node. */
const nodeConditionSchema = complete('A condition of the node.', {
  type: text('Type of the condition.'),
  status: text('True, False or Unknown.'),
  reason: optional(text('Why, in one word.')),
  message: optional(text('Why, for people.')),
  lastHeartbeatTime: optional(instant('When the kubelet last reported it.')),
  lastTransitionTime: optional(instant('When the status last changed.')),
})

/** Where the machine stands. */
const currentStatusSchema = partial('Phase of the machine.', {
  phase: openChoice('Where the machine is in its life.', machinePhases),
  timeoutActive: flag('Whether a timeout runs that can end in phase Failed.'),
  lastUpdateTime: instant('When the phase was last written.'),
  preserveExpiryTime: instant('Until when the machine is preserved.'),
})

/** Schema of a Machine. */
export const machineSchema = complete('A server that is, or is to become, a node.', {
  ...objectFields,
  spec: optional(machineSpecSchema),
  status: optional(
    partial('What is known about the machine.', {
      addresses: list('Addresses of the server.', addressSchema),
      conditions: list("Copy of the node's conditions.", nodeConditionSchema),
      currentStatus: currentStatusSchema,
      lastKnownState: text('What the driver wants to be told again; nobody else reads it.'),
      lastOperation: lastOperationSchema,
      ...machineStoryFields,
    }),
  ),
})

/** A server that is, or is to become, a node. */
export type Machine = Static<typeof machineSchema>
export type MachineStatus = NonNullable<Machine['status']>
export type MachineCurrentStatus = Static<typeof currentStatusSchema>
export type NodeCondition = Static<typeof nodeConditionSchema>
export type MachineAddress = Static<typeof addressSchema>

/** Where machines are served. */
export const machines: Resource<Machine> = {
  group: machineGroup,
  version: machineVersion,
  kind: 'Machine',
  plural: 'machines',
  namespaced: true,
}

/** The definition of the kind Machine. */
export const machineDefinition: CustomResource<Machine> = {
  resource: machines,
  singular: 'machine',
  shortNames: ['mc'],
  description: 'A server that is, or is to become, a node.',
  schema: machineSchema,
  status: true,
  columns: [
    {
      name: 'Status',
      type: 'string',
      jsonPath: '.status.currentStatus.phase',
      description: 'Where the machine is in its life.',
    },
    ageColumn,
    {
      name: 'Node',
      type: 'string',
      jsonPath: '.metadata.labels.node',
      description: 'The node that the machine became.',
    },
    {
      name: 'ProviderID',
      type: 'string',
      jsonPath: '.spec.providerID',
      description: 'Identifier of the server at the cloud.',
      priority: 1,
    },
  ],
}
