import { computeMethods } from '../../src/methods.ts'

/** A schema of Google's discovery documents, as far as it says what is valid. */
export interface DiscoverySchema {
  readonly $ref?: string
  readonly type?: string
  readonly format?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, DiscoverySchema>>
  readonly additionalProperties?: DiscoverySchema
  readonly items?: DiscoverySchema
  readonly pattern?: string
  readonly location?: string
  readonly required?: boolean
  readonly repeated?: boolean
}

/** A method of an API. */
export interface DiscoveryMethod {
  readonly id: string
  readonly httpMethod: string
  readonly flatPath: string
  readonly parameters: Readonly<Record<string, DiscoverySchema>>
  readonly request?: { readonly $ref: string }
  readonly response: { readonly $ref: string }
}

/** The part of an API's discovery document that the driver and its infrastructure use. */
export interface ApiDocument {
  readonly revision: string
  /** What all paths begin with. */
  readonly servicePath: string
  readonly parameters: Readonly<Record<string, DiscoverySchema>>
  readonly methods: readonly DiscoveryMethod[]
  readonly schemas: Readonly<Record<string, DiscoverySchema>>
}

/** A whole document, as Google publishes it. */
export interface WholeDocument {
  readonly revision: string
  readonly servicePath: string
  readonly parameters: Readonly<Record<string, DiscoverySchema>>
  readonly schemas: Readonly<Record<string, DiscoverySchema>>
  readonly resources: Readonly<Record<string, Resource>>
}

interface Resource {
  readonly methods?: Readonly<Record<string, DiscoveryMethod>>
  readonly resources?: Readonly<Record<string, Resource>>
}

/** Ids of the methods in use, by API. */
export const methodsInUse = {
  compute: Object.entries(computeMethods).flatMap(([service, methods]) =>
    methods.map((method) => `compute.${lowerFirst(service)}.${lowerFirst(method)}`),
  ),
  iam: ['create', 'delete', 'get'].map((method) => `iam.projects.serviceAccounts.${method}`),
} as const

/** Leaves of a document the methods in use and the schemas that those lead to, without what is for people to read. */
export function trimDocument(document: WholeDocument, ids: readonly string[]): ApiDocument {
  const methods = allMethods(document.resources).filter(({ id }) => ids.includes(id))
  const schemas = new Map<string, DiscoverySchema>()
  const visit = (name: string | undefined) => {
    if (name === undefined || schemas.has(name)) return
    const schema = document.schemas[name] ?? {}
    schemas.set(name, trimSchema(schema))
    for (const found of refsIn(schema)) visit(found)
  }
  for (const { request, response } of methods) {
    visit(request?.$ref)
    visit(response.$ref)
  }
  return {
    revision: document.revision,
    servicePath: document.servicePath,
    parameters: trimAll(document.parameters),
    methods: methods.map(({ id, httpMethod, flatPath, parameters, request, response }) => ({
      id,
      httpMethod,
      flatPath,
      parameters: trimAll(parameters),
      ...(request === undefined ? {} : { request: { $ref: request.$ref } }),
      response,
    })),
    schemas: Object.fromEntries([...schemas].sort(([one], [other]) => (one < other ? -1 : 1))),
  }
}

function allMethods(resources: Readonly<Record<string, Resource>>): readonly DiscoveryMethod[] {
  return Object.values(resources).flatMap(({ methods = {}, resources: inner = {} }) => [
    ...Object.values(methods),
    ...allMethods(inner),
  ])
}

function refsIn({ $ref, properties = {}, additionalProperties, items }: DiscoverySchema): readonly string[] {
  const inner = [...Object.values(properties), additionalProperties, items].filter((one) => one !== undefined)
  return [...($ref === undefined ? [] : [$ref]), ...inner.flatMap(refsIn)]
}

function trimAll(schemas: Readonly<Record<string, DiscoverySchema>>): Readonly<Record<string, DiscoverySchema>> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, trimSchema(schema)]))
}

const kept = ['$ref', 'type', 'format', 'enum', 'pattern', 'location', 'required', 'repeated'] as const

function trimSchema(schema: DiscoverySchema): DiscoverySchema {
  const { properties, additionalProperties, items } = schema
  return {
    ...Object.fromEntries(kept.flatMap((key) => (schema[key] === undefined ? [] : [[key, schema[key]]]))),
    ...(properties === undefined ? {} : { properties: trimAll(properties) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: trimSchema(additionalProperties) }),
    ...(items === undefined ? {} : { items: trimSchema(items) }),
  }
}

function lowerFirst(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`
}
