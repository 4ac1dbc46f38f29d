import type { Static } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import { complete, immutable, list, objectFields, optional, text } from '../schema-parts.ts'

/** Schema of a CredentialsBinding. */
export const credentialsBindingSchema = complete('Lets the Shoots of a namespace use credentials for a cloud.', {
  ...objectFields,
  provider: complete('The cloud.', { type: text('Name of the cloud, as in aws.') }),
  credentialsRef: complete(
    'What holds the credentials: a Secret.',
    {
      apiVersion: text('v1 for a Secret.'),
      kind: text('Secret; nothing else is known here.'),
      name: text('Its name.'),
      namespace: text('Its namespace.'),
    },
    immutable,
  ),
  quotas: optional(
    list(
      'Quotas that bound the use.',
      complete('A quota.', { name: text('Name.'), namespace: optional(text('Namespace.')) }),
    ),
  ),
})

/** Lets the Shoots of a namespace use credentials for a cloud. */
export type CredentialsBinding = Static<typeof credentialsBindingSchema>

/** Where credentials bindings are served. */
export const credentialsBindings: Resource<CredentialsBinding> = {
  group: 'security.gardener.cloud',
  version: 'v1alpha1',
  kind: 'CredentialsBinding',
  plural: 'credentialsbindings',
  namespaced: true,
}

/** The definition of the kind CredentialsBinding. */
export const credentialsBindingDefinition: CustomResource<CredentialsBinding> = {
  resource: credentialsBindings,
  singular: 'credentialsbinding',
  shortNames: ['cb'],
  description: 'Lets the Shoots of a namespace use credentials for a cloud; follows SecretBinding.',
  schema: credentialsBindingSchema,
  status: false,
  columns: [
    { name: 'Provider', type: 'string', jsonPath: '.provider.type', description: 'The cloud.' },
    { name: 'Credentials', type: 'string', jsonPath: '.credentialsRef.name', description: 'What holds them.' },
    ageColumn,
  ],
}
