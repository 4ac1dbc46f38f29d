import { type Static, Type } from 'typebox'
import { ageColumn, type CustomResource } from '../custom-resource.ts'
import type { Resource } from '../meta.ts'
import { complete, flag, int64, list, objectFields, optional, partial, resourceList, text } from '../schema-parts.ts'
import { cidr, conditionsSchema, gardenGroup, gardenVersion } from './common.ts'

/** Schema of a Seed. */
export const seedSchema = complete('A cluster that runs control planes.', {
  ...objectFields,
  spec: complete('The seed.', {
    provider: complete('Where the seed is.', {
      type: text('Name of the cloud, as in local.'),
      region: text('Region of the seed.'),
      zones: optional(list('Zones of the seed.', Type.String())),
    }),
    networks: complete('Networks of the seed; those of its shoots may not overlap them.', {
      nodes: optional(cidr('Range of the nodes.')),
      pods: cidr('Range of the pods.'),
      services: cidr('Range of the services.'),
      blockCIDRs: optional(
        list('Further ranges that no shoot may use, such as the public addresses of a private cloud.', Type.String()),
      ),
      shootDefaults: optional(
        partial('Ranges for shoots that name none.', {
          pods: cidr('Range of the pods.'),
          services: cidr('Range of the services.'),
        }),
      ),
    }),
    ingress: optional(partial('Where the seed serves HTTP.', { domain: text('Domain of the seed.') })),
    taints: optional(
      list(
        'Marks that keep shoots off unless they tolerate them.',
        complete('A mark.', { key: text('Key of the mark.'), value: optional(text('Value of the mark.')) }),
      ),
    ),
    settings: optional(
      partial('Settings of the seed.', {
        scheduling: partial('Whether shoots come here by themselves.', {
          visible: flag('Whether shoots that name no seed may come here; true when absent.'),
        }),
      }),
    ),
  }),
  status: optional(
    partial('What is known about the seed.', {
      conditions: conditionsSchema(),
      observedGeneration: int64('The generation of the spec that this status speaks of.'),
      kubernetesVersion: text('Version of Kubernetes of the seed.'),
      clusterIdentity: text('Unique identifier of the cluster.'),
      capacity: resourceList('What the seed can hold.'),
      allocatable: resourceList('What is left for shoots.'),
    }),
  ),
})

/** A cluster that runs control planes. */
export type Seed = Static<typeof seedSchema>

/** Where seeds are served. */
export const seeds: Resource<Seed> = {
  group: gardenGroup,
  version: gardenVersion,
  kind: 'Seed',
  plural: 'seeds',
  namespaced: false,
}

/** The definition of the kind Seed. */
export const seedDefinition: CustomResource<Seed> = {
  resource: seeds,
  singular: 'seed',
  shortNames: [],
  description: 'A cluster that runs the control planes of shoots.',
  schema: seedSchema,
  status: true,
  columns: [
    { name: 'Provider', type: 'string', jsonPath: '.spec.provider.type', description: 'The cloud.' },
    { name: 'Region', type: 'string', jsonPath: '.spec.provider.region', description: 'The region.' },
    {
      name: 'K8S Version',
      type: 'string',
      jsonPath: '.status.kubernetesVersion',
      description: 'The version of Kubernetes.',
    },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the seed can take shoots.',
    },
    ageColumn,
  ],
}
