import type { CustomResourceDefinition } from '../core/extension.ts'
import type { CustomResource } from '../custom-resource.ts'

type Node = Readonly<Record<string, unknown>>

/** The CustomResourceDefinition of a kind, as an API server takes it. */
export function customResourceDefinition(definition: CustomResource): CustomResourceDefinition {
  const { resource, columns, scale } = definition
  const subresources = {
    ...(definition.status ? { status: {} } : {}),
    ...(scale === undefined ? {} : { scale: { ...scale } }),
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource.plural}.${resource.group}` },
    spec: {
      group: resource.group,
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: definition.singular,
        ...(definition.shortNames.length === 0 ? {} : { shortNames: [...definition.shortNames] }),
      },
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          additionalPrinterColumns: columns.map((column) => ({ ...column })),
          schema: {
            openAPIV3Schema: rootSchema(definition),
          },
          ...(Object.keys(subresources).length === 0 ? {} : { subresources }),
        },
      ],
    },
  }
}

/** The server knows metadata itself and refuses to be told more than that it is there. */
function rootSchema(definition: CustomResource): Record<string, unknown> {
  const { properties, ...rest } = structural(definition.schema as Node)
  return {
    ...rest,
    description: definition.description,
    properties: { ...(properties as Record<string, unknown>), metadata: { type: 'object' } },
  }
}

/** Keywords that an API server takes as they are. */
const plainKeywords = [
  'description',
  'type',
  'format',
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'anyOf',
]

/** The part of a schema that Kubernetes calls structural; what it does not know is left out. */
function structural(schema: Node): Record<string, unknown> {
  const kept = Object.entries(schema).filter(([key]) => plainKeywords.includes(key) || key.startsWith('x-kubernetes-'))
  const { properties, items, additionalProperties, required } = schema
  return {
    ...Object.fromEntries(kept),
    ...(isNode(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, child]) => [key, structural(child as Node)]),
          ),
        }
      : {}),
    ...(isNode(items) ? { items: structural(items) } : {}),
    ...(isNode(additionalProperties) ? { additionalProperties: structural(additionalProperties) } : {}),
    ...requiredOf(required),
  }
}

/** The API server itself asks for name, group and kind. */
function requiredOf(required: unknown): { required?: string[] } {
  const names = (Array.isArray(required) ? (required as string[]) : []).filter(
    (name) => !['apiVersion', 'kind', 'metadata'].includes(name),
  )
  return names.length === 0 ? {} : { required: names }
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
