import type { CustomResource } from '../custom-resource.ts'

interface Node {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly format?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly additionalProperties?: Node
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
}

interface Row {
  readonly path: string
  readonly type: string
  readonly required: boolean
  readonly description: string
}

/** The reference page of all kinds, in Markdown. */
export function referenceText(definitions: readonly CustomResource[]): string {
  const contents = definitions.map(({ resource }) => `- [${resource.kind}](#${resource.kind.toLowerCase()})`)
  return [
    '# API reference',
    '',
    'Generated from the schemas in `api/src`; `npm run generate -w @trellis/api` writes it anew. Required fields are marked with `*`.',
    '',
    ...contents,
    '',
    ...definitions.flatMap(kindLines),
  ].join('\n')
}

function kindLines(definition: CustomResource): string[] {
  const { resource, columns, shortNames } = definition
  const names = [resource.plural, ...shortNames].map((name) => `\`${name}\``).join(', ')
  const subresources = [...(definition.status ? ['status'] : []), ...(definition.scale === undefined ? [] : ['scale'])]
  return [
    `## ${resource.kind}`,
    '',
    definition.description,
    '',
    `- \`apiVersion: ${resource.group}/${resource.version}\`, ${resource.namespaced ? 'in a namespace' : 'of the whole cluster'}`,
    `- names for kubectl: ${names}`,
    `- columns: ${columns.map((column) => (column.priority === 1 ? `${column.name} (wide)` : column.name)).join(', ')}`,
    ...(subresources.length === 0 ? [] : [`- subresources: ${subresources.join(', ')}`]),
    '',
    '| field | type | description |',
    '|---|---|---|',
    ...rows(definition.schema as Node).map(rowText),
    '',
  ]
}

function rowText({ path, type, required, description }: Row): string {
  return `| \`${path}\`${required ? ' *' : ''} | ${type} | ${description.replaceAll('|', '\\|')} |`
}

const skipped = ['apiVersion', 'kind', 'metadata']

function rows(schema: Node): Row[] {
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => !skipped.includes(name))
    .flatMap(([name, child]) => fieldRows(name, child, schema.required?.includes(name) ?? false))
}

function fieldRows(path: string, schema: Node, required: boolean): Row[] {
  const inner = innerOf(path, schema)
  const nested = Object.entries(inner.schema.properties ?? {}).flatMap(([name, child]) =>
    fieldRows(`${inner.path}.${name}`, child, inner.schema.required?.includes(name) ?? false),
  )
  return [{ path, type: typeText(schema), required, description: descriptionText(schema) }, ...nested]
}

/** The object whose fields come next: of a list or map, that of its items. */
function innerOf(path: string, schema: Node): { readonly path: string; readonly schema: Node } {
  if (schema.items !== undefined) return innerOf(`${path}[]`, schema.items)
  if (schema.additionalProperties?.properties !== undefined) return innerOf(`${path}.*`, schema.additionalProperties)
  return { path, schema }
}

function typeText(schema: Node): string {
  if (schema['x-kubernetes-int-or-string']) return 'number or text'
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`
  if (schema.additionalProperties !== undefined) return `map to ${typeText(schema.additionalProperties)}`
  if (schema.format === 'date-time') return 'instant'
  if (schema['x-kubernetes-preserve-unknown-fields'] && schema.properties === undefined) return 'any object'
  const names: Record<string, string> = { string: 'text', integer: 'whole number', boolean: 'true or false' }
  return names[schema.type ?? ''] ?? schema.type ?? 'any'
}

function descriptionText(schema: Node): string {
  const words = schema.enum ?? schema.items?.enum
  const description = schema.description ?? ''
  return words === undefined ? description : `${description} One of ${words.join(', ')}.`.trim()
}
