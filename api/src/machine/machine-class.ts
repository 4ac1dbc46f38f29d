import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import { complete, objectFields, optional, partial, raw, resourceList, text } from '../schema-parts.ts'
import { machineGroup, machineVersion } from './common.ts'

/** Where a secret is. */
const secretReferenceSchema = partial(
  'A secret.',
  { name: text('Name of the secret.'), namespace: text('Namespace of the secret.') },
  { 'x-kubernetes-map-type': 'atomic' },
)

/** What a node made from the class will offer; lets cluster-autoscaler scale up from nothing. */
const nodeTemplateSchema = complete(
  'What a node made from this class will offer.',
  {
    architecture: optional(text('Architecture of the processor: amd64 or arm64.')),
    capacity: resourceList('Resources of the node; at least cpu, gpu and memory.'),
    instanceType: text('Type of the server at the cloud.'),
    region: text('Region of the server.'),
    virtualCapacity: optional(resourceList('Resources that are added to the status of the node.')),
    zone: text('Zone of the server.'),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

/** Schema of a MachineClass. */
export const machineClassSchema = complete('How servers of one sort are made at one cloud.', {
  ...objectFields,
  credentialsSecretRef: optional(secretReferenceSchema),
  nodeTemplate: optional(nodeTemplateSchema),
  provider: optional(text('Name of the driver; it refuses classes of another.')),
  providerSpec: raw("The driver's own description of the server."),
  secretRef: optional(secretReferenceSchema),
})

/** How servers of one sort are made at one cloud. */
export type MachineClass = Static<typeof machineClassSchema>
export type MachineClassNodeTemplate = Static<typeof nodeTemplateSchema>
export type SecretReference = Static<typeof secretReferenceSchema>

/** Where machine classes are served. */
export const machineClasses: Resource<MachineClass> = {
  group: machineGroup,
  version: machineVersion,
  kind: 'MachineClass',
  plural: 'machineclasses',
  namespaced: true,
}

/** The definition of the kind MachineClass. */
export const machineClassDefinition: CustomResource<MachineClass> = {
  resource: machineClasses,
  singular: 'machineclass',
  shortNames: ['mcc'],
  description: 'How servers of one sort are made at one cloud: the driver, its settings and the secrets it needs.',
  schema: machineClassSchema,
  status: false,
  columns: [ageColumn],
}
