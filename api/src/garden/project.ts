import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import { choice, complete, int64, list, objectFields, optional, partial, text } from '../schema-parts.ts'
import { conditionsSchema, gardenGroup, gardenVersion } from './common.ts'

/** Somebody who may do something. */
const subjectSchema = (description: string) =>
  complete(description, {
    apiGroup: optional(text('API group of the kind.')),
    kind: text('User, Group or ServiceAccount.'),
    name: text('Name.'),
    namespace: optional(text('Namespace of a ServiceAccount.')),
  })

/** Schema of a Project. */
export const projectSchema = complete('A group of people and their clusters.', {
  ...objectFields,
  spec: optional(
    partial('The project.', {
      namespace: text('Namespace of the project in the garden; garden-<name> when absent.'),
      owner: subjectSchema('Who answers for the project.'),
      createdBy: subjectSchema('Who created the project.'),
      description: text('What the project is about.'),
      purpose: text('What the project is for.'),
    }),
  ),
  status: optional(
    partial('What is known about the project.', {
      phase: choice('Where the project is in its life.', ['Pending', 'Ready', 'Failed', 'Terminating']),
      observedGeneration: int64('The generation of the spec that this status speaks of.'),
      conditions: conditionsSchema(),
    }),
  ),
})

/** A group of people and their clusters. */
export type Project = Static<typeof projectSchema>

/** Where projects are served. */
export const projects: Resource<Project> = {
  group: gardenGroup,
  version: gardenVersion,
  kind: 'Project',
  plural: 'projects',
  namespaced: false,
}

/** The definition of the kind Project. */
export const projectDefinition: CustomResource<Project> = {
  resource: projects,
  singular: 'project',
  shortNames: [],
  description: 'A group of people and their clusters.',
  schema: projectSchema,
  status: true,
  columns: [
    { name: 'Namespace', type: 'string', jsonPath: '.spec.namespace', description: 'Namespace of the project.' },
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Where the project is in its life.' },
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner.name', description: 'Who answers for the project.' },
    ageColumn,
  ],
}

/** Schema of a SecretBinding. */
export const secretBindingSchema = complete('Lets the Shoots of a namespace use credentials for a cloud.', {
  ...objectFields,
  provider: optional(complete('The cloud.', { type: text('Name of the cloud, as in local.') })),
  secretRef: complete('The Secret that holds the credentials.', {
    name: text('Name of the Secret.'),
    namespace: optional(text('Namespace of the Secret; that of the binding when absent.')),
  }),
  quotas: optional(
    list(
      'Quotas that bound the use.',
      complete('A quota.', { name: text('Name.'), namespace: optional(text('Namespace.')) }),
    ),
  ),
})

/** Lets the Shoots of a namespace use credentials for a cloud. */
export type SecretBinding = Static<typeof secretBindingSchema>

/** Where secret bindings are served. */
export const secretBindings: Resource<SecretBinding> = {
  group: gardenGroup,
  version: gardenVersion,
  kind: 'SecretBinding',
  plural: 'secretbindings',
  namespaced: true,
}

/** The definition of the kind SecretBinding. */
export const secretBindingDefinition: CustomResource<SecretBinding> = {
  resource: secretBindings,
  singular: 'secretbinding',
  shortNames: ['sb'],
  description: 'Lets the Shoots of a namespace use credentials for a cloud.',
  schema: secretBindingSchema,
  status: false,
  columns: [
    { name: 'Provider', type: 'string', jsonPath: '.provider.type', description: 'The cloud.' },
    { name: 'Secret', type: 'string', jsonPath: '.secretRef.name', description: 'The Secret with the credentials.' },
    ageColumn,
  ],
}
