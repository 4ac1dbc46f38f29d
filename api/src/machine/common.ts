import { type Static, Type } from 'typebox'
import {
  choice,
  complete,
  duration,
  flag,
  instant,
  int32,
  int64,
  list,
  openChoice,
  optional,
  partial,
  templateMetadata,
  text,
  textMap,
} from '../schema-parts.ts'

/** Group of the machine kinds. */
export const machineGroup = 'machine.sapcloud.io'

/** Version of the machine kinds. */
export const machineVersion = 'v1alpha1'

/** `apiVersion` of every machine kind. */
export const machineApiVersion = `${machineGroup}/${machineVersion}`

/** Which machine class a machine is made from. */
export const classReferenceSchema = partial('The machine class that machines are made from.', {
  apiGroup: text('API group of the class.'),
  kind: text('Kind of the class: MachineClass.'),
  name: text('Name of the class, in the same namespace.'),
})
export type ClassReference = Static<typeof classReferenceSchema>

/** What a machine last did, how it went, and since when. */
export const lastOperationSchema = partial('The last operation on the machine.', {
  description: text('What happened, for people.'),
  errorCode: text("The driver's error code, as in ResourceExhausted; read by cluster-autoscaler."),
  lastUpdateTime: instant('When this was last written.'),
  state: openChoice('How the operation stands.', ['Processing', 'Failed', 'Successful']),
  type: openChoice('What is being done.', ['Create', 'Update', 'InPlaceUpdate', 'DrainNode', 'HealthCheck', 'Delete']),
})
export type MachineLastOperation = Static<typeof lastOperationSchema>
export type MachineOperationState = NonNullable<MachineLastOperation['state']>
export type MachineOperationType = NonNullable<MachineLastOperation['type']>

/** A taint as nodes carry it. */
export const taintSchema = complete('A mark that keeps pods off a node unless they tolerate it.', {
  key: text('Key of the taint.'),
  value: optional(text('Value of the taint.')),
  effect: text('What it does to pods: NoSchedule, PreferNoSchedule or NoExecute.'),
  timeAdded: optional(instant('When the taint was added; for NoExecute.')),
})
export type Taint = Static<typeof taintSchema>

/** The spec of the Node that a machine becomes. */
const nodeSpecSchema = partial('Spec of the node.', {
  configSource: partial('Deprecated and without effect.', {
    configMap: complete('The ConfigMap of the deprecated dynamic kubelet configuration.', {
      kubeletConfigKey: text('Key within the ConfigMap.'),
      name: text('Name of the ConfigMap.'),
      namespace: text('Namespace of the ConfigMap.'),
      resourceVersion: optional(text('Version of the ConfigMap.')),
      uid: optional(text('Unique identifier of the ConfigMap.')),
    }),
  }),
  externalID: text('Deprecated and without effect.'),
  podCIDR: text('Address range of the pods on the node.'),
  podCIDRs: list('Address ranges of the pods on the node, one for each family.', Type.String(), {
    'x-kubernetes-list-type': 'set',
  }),
  providerID: text('Identifier of the server at the cloud.'),
  taints: list('Taints that the node gets.', taintSchema, { 'x-kubernetes-list-type': 'atomic' }),
  unschedulable: flag('Whether new pods are kept off the node.'),
})

/** What the Node of a machine is to look like. */
export const nodeTemplateSpecSchema = partial('Labels, annotations and taints that the node gets and keeps.', {
  metadata: templateMetadata('Labels and annotations of the node.'),
  spec: nodeSpecSchema,
})
export type NodeTemplateSpec = Static<typeof nodeTemplateSpecSchema>

/** Fields of a machine's spec that tune how the machine controller treats it. */
export const machineConfigurationFields = {
  creationTimeout: duration('How long the machine may take to join before it counts as failed.'),
  disableHealthTimeout: flag('Keeps an unhealthy machine in phase Unknown for ever instead of replacing it.'),
  drainTimeout: duration('How long draining may take before it is forced.'),
  healthTimeout: duration('How long the machine may be unhealthy before it counts as failed.'),
  inPlaceUpdateTimeout: duration('How long an update in place may take before it counts as failed.'),
  machinePreserveTimeout: duration('How long a machine is preserved.'),
  maxEvictRetries: int32('How often an eviction is tried before the pod is deleted.'),
  nodeConditions: text('Comma-separated types of node conditions that must be False for the machine to be healthy.'),
}

/** The spec of a machine. */
export const machineSpecSchema = partial('The machine that is wanted.', {
  class: classReferenceSchema,
  ...machineConfigurationFields,
  nodeTemplate: nodeTemplateSpecSchema,
  providerID: text('Identifier of the server at the cloud; written by the machine controller.'),
})
export type MachineSpec = Static<typeof machineSpecSchema>

/** What machines are made from. */
export const machineTemplateSchema = partial('The machine that is made for each replica.', {
  metadata: templateMetadata('Labels and annotations of the machines.'),
  spec: machineSpecSchema,
})
export type MachineTemplate = Static<typeof machineTemplateSchema>

/** Which machines belong to a set or deployment. */
export const labelSelectorSchema = partial(
  'Labels that a machine must carry to belong here.',
  {
    matchExpressions: list(
      'Requirements that must all hold.',
      complete('A requirement on one label.', {
        key: text('Key of the label.'),
        operator: choice('How the label is compared.', ['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: optional(list('Values for In and NotIn.', Type.String(), { 'x-kubernetes-list-type': 'atomic' })),
      }),
      { 'x-kubernetes-list-type': 'atomic' },
    ),
    matchLabels: textMap('Labels that must have exactly these values.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
)

/** A failed machine, as its owners report it. */
export const machineSummarySchema = partial('A machine whose last operation failed.', {
  lastOperation: lastOperationSchema,
  name: text('Name of the machine.'),
  ownerRef: text('Name of the machine set that owns it.'),
  providerID: text('Identifier of the server at the cloud.'),
})
export type MachineSummary = Static<typeof machineSummarySchema>

/** Where the number of replicas of a kind with a scale subresource is. */
export const scalePaths = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } as const

/** A count that the status of a set or deployment holds. */
export function count(description: string) {
  return int32(description)
}

/** The generation that a status speaks of. */
export const observedGenerationSchema = int64('The generation of the spec that this status speaks of.')
