import { type Static, type TObject, type TOptional, type TProperties, type TSchema, type TUnsafe, Type } from 'typebox'
import type { ObjectMeta } from './meta.ts'

/** Every field of a set of fields, made optional. */
type Optionals<Properties extends TProperties> = { [Key in keyof Properties]: TOptional<Properties[Key]> }

/** Keywords that a field may carry beside its type. */
interface Keywords {
  readonly [keyword: string]: unknown
}

/** An object whose fields may all be absent. */
export function partial<Properties extends TProperties>(
  description: string,
  properties: Properties,
  keywords: Keywords = {},
): TObject<Optionals<Properties>> {
  const optionals = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)]),
  ) as Optionals<Properties>
  return Type.Object(optionals, { description, ...keywords })
}

/** An object whose fields must be present unless wrapped in {@link optional}. */
export function complete<Properties extends TProperties>(
  description: string,
  properties: Properties,
  keywords: Keywords = {},
): TObject<Properties> {
  return Type.Object(properties, { description, ...keywords })
}

/** A field that may be absent. */
export function optional<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(schema)
}

/** A list. */
export function list<Item extends TSchema>(description: string, item: Item, keywords: Keywords = {}) {
  return Type.Array(item, { description, ...keywords })
}

/** Text. */
export function text(description: string, keywords: Keywords = {}) {
  return Type.String({ description, ...keywords })
}

/** True or false. */
export function flag(description: string, keywords: Keywords = {}) {
  return Type.Boolean({ description, ...keywords })
}

/** A whole number of 32 bits. */
export function int32(description: string, keywords: Keywords = {}) {
  return Type.Integer({ description, format: 'int32', ...keywords })
}

/** A whole number of 64 bits. */
export function int64(description: string, keywords: Keywords = {}) {
  return Type.Integer({ description, format: 'int64', ...keywords })
}

/** Keywords of a field that keeps its first value: the API server refuses to change it. */
export const immutable = {
  'x-kubernetes-validations': [
    { rule: 'self == oldSelf', message: 'may not change; delete the object and create another' },
  ],
} as const

/** A rule that the API server checks, in its expression language. */
export function rules(...list: readonly { readonly rule: string; readonly message: string }[]) {
  return { 'x-kubernetes-validations': list }
}

/** One of a closed set of words. */
export function choice<const Word extends string>(description: string, words: readonly Word[]): TUnsafe<Word> {
  return Type.Unsafe<Word>({ type: 'string', enum: [...words], description })
}

/** A word that is typed as one of `words` but that the server accepts whatever it is: for kinds whose other clients may know more words. */
export function openChoice<const Word extends string>(description: string, words: readonly Word[]): TUnsafe<Word> {
  return Type.Unsafe<Word>({ type: 'string', description: `${description} One of ${words.map(quoted).join(', ')}.` })
}

/** An instant as RFC 3339 text. */
export function instant(description: string) {
  return Type.String({ description, format: 'date-time' })
}

/** A span of time in Go's notation, as in `1h30m`. */
export function duration(description: string) {
  return Type.String({ description: `${description} A duration such as 90s, 20m or 1h30m.` })
}

/** A map from text to text. */
export function textMap(description: string): TUnsafe<Record<string, string>> {
  return Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' }, description })
}

/** A map from text to values of one schema. */
export function mapOf<Item extends TSchema>(description: string, item: Item): TUnsafe<Record<string, Static<Item>>> {
  return Type.Unsafe<Record<string, Static<Item>>>({ type: 'object', additionalProperties: item, description })
}

/** A number, or a share of something as in `25%`. */
export function numberOrPercentage(description: string): TUnsafe<number | string> {
  return Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    description,
    'x-kubernetes-int-or-string': true,
  })
}

/** Pattern of a Kubernetes quantity. */
export const quantityPattern =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$'

/** An amount of a resource, as in `2`, `500m` or `4Gi`. */
export function quantity(description?: string): TUnsafe<number | string> {
  return Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: quantityPattern,
    ...(description === undefined ? {} : { description }),
    'x-kubernetes-int-or-string': true,
  })
}

/** Amounts by resource name, as in `{cpu: 2, memory: 4Gi}`. */
export function resourceList(description: string): TUnsafe<Record<string, number | string>> {
  return mapOf(description, quantity())
}

/** An object that is kept as it is, whatever its fields. */
export function raw(description: string): TUnsafe<Record<string, unknown>> {
  return Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    description,
    'x-kubernetes-preserve-unknown-fields': true,
  })
}

/** The part of a template that becomes the metadata of what is made from it. */
export interface TemplateMetadata {
  name?: string
  generateName?: string
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  creationTimestamp?: string | null
}

/** Metadata of a template: kept as it is. */
export function templateMetadata(description: string): TUnsafe<TemplateMetadata> {
  return Type.Unsafe<TemplateMetadata>({
    type: 'object',
    description,
    'x-kubernetes-preserve-unknown-fields': true,
  })
}

/** The fields that every object has. */
export const objectFields = {
  apiVersion: Type.String({ description: 'Group and version of this representation.' }),
  kind: Type.String({ description: 'Name of the kind.' }),
  metadata: Type.Unsafe<ObjectMeta>({ type: 'object', description: 'Name, labels, owners and the like.' }),
}

function quoted(word: string): string {
  return word === '' ? '""' : word
}
