import type { ApiDocument, DiscoveryMethod, DiscoverySchema } from './generate/discovery.ts'

/** A request that is one of an API's methods. */
export interface MethodCall {
  readonly method: DiscoveryMethod
  /** What stands in its path, by the document's names. */
  readonly path: Readonly<Record<string, string>>
}

/** An API as its discovery document describes it. */
export interface Api {
  /** The method that a request is meant for; undefined when there is none. */
  match(httpMethod: string, path: string): MethodCall | undefined
  /** What of a request the document does not allow; nothing when it is valid. */
  flawsOfRequest(call: MethodCall, query: URLSearchParams, body: unknown): readonly string[]
  /** The same of an answer. */
  flawsOfAnswer(call: MethodCall, body: unknown): readonly string[]
}

/** Reads an API off its document. */
export function createApi(document: ApiDocument): Api {
  const routes = document.methods.map((method) => ({ method, ...pathPattern(document.servicePath, method.flatPath) }))
  const check = createChecker(document.schemas)
  return {
    match: (httpMethod, path) => {
      for (const { method, pattern, names } of routes) {
        const found = method.httpMethod === httpMethod ? pattern.exec(path) : null
        if (found === null) continue
        return {
          method,
          path: Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')])),
        }
      }
      return undefined
    },
    flawsOfRequest: ({ method, path }, query, body) => [
      ...Object.entries(path).flatMap(([name, value]) =>
        check(method.parameters[name] ?? { type: 'string' }, value, name),
      ),
      ...[...query].flatMap(([name, value]) => {
        const schema = method.parameters[name] ?? document.parameters[name]
        return schema === undefined ? [`${name}: no such parameter`] : check(schema, fromText(schema, value), name)
      }),
      ...(method.request === undefined && (body === undefined || body === '')
        ? []
        : check(method.request ?? nothing, body, method.request?.$ref ?? 'body')),
    ],
    flawsOfAnswer: ({ method }, body) => check(method.response, body, method.response.$ref),
  }
}

/** What a body may hold where none belongs. Google's client sends an empty text there, and the cloud takes it. */
const nothing: DiscoverySchema = { type: 'object' }

function pathPattern(
  servicePath: string,
  flatPath: string,
): { readonly pattern: RegExp; readonly names: readonly string[] } {
  const names: string[] = []
  const text = flatPath.replace(/\{(\w+)\}/g, (_all, name: string) => {
    names.push(name)
    return '([^/]+)'
  })
  return { pattern: new RegExp(`^/${servicePath}${text}$`), names }
}

function fromText({ type }: DiscoverySchema, value: string): unknown {
  if (type === 'integer' || type === 'number') return Number(value)
  if (type === 'boolean') return value === 'true'
  return value
}

/** A page of a list may lack anything that was not asked for, and so may every message: only what is there is judged. */
function createChecker(schemas: Readonly<Record<string, DiscoverySchema>>) {
  const check = (schema: DiscoverySchema, value: unknown, at: string): readonly string[] => {
    if (schema.$ref !== undefined) {
      const target = schemas[schema.$ref]
      return target === undefined ? [`${at}: no schema ${schema.$ref}`] : check(target, value, at)
    }
    if (schema.type === 'object') return checkObject(schema, value, at)
    if (schema.type === 'array') {
      if (!Array.isArray(value)) return [`${at}: not a list`]
      return value.flatMap((one, index) => check(schema.items ?? {}, one, `${at}[${index}]`))
    }
    return checkScalar(schema, value, at)
  }
  const checkObject = (schema: DiscoverySchema, value: unknown, at: string): readonly string[] => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: not an object`]
    return Object.entries(value).flatMap(([key, inner]) => {
      const known = schema.properties?.[key] ?? schema.additionalProperties
      return known === undefined ? [`${at}.${key}: no such field`] : check(known, inner, `${at}.${key}`)
    })
  }
  return check
}

const wholeNumber = /^-?\d+$/

function checkScalar(
  { type, format = '', enum: allowed, pattern }: DiscoverySchema,
  value: unknown,
  at: string,
): readonly string[] {
  if (type === 'any' || type === undefined) return []
  const fits = type === 'integer' ? Number.isInteger(value) : typeof value === type
  if (!fits) return [`${at}: ${JSON.stringify(value)} is no ${type}`]
  if (typeof value !== 'string') return []
  if (/int64/.test(format) && !wholeNumber.test(value)) return [`${at}: ${value} is no whole number`]
  if (allowed !== undefined && !allowed.includes(value)) return [`${at}: ${value} is none of ${allowed.join(', ')}`]
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value)) return [`${at}: ${value} does not match`]
  return []
}
