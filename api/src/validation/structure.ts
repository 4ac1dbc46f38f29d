import type { TSchema } from 'typebox'
import { Compile } from 'typebox/schema'
import { quantityPattern } from '../schema-parts.ts'
import { type FieldError, fieldError } from './field-error.ts'

/** The keywords of a schema that this file reads. */
interface Node {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly additionalProperties?: boolean | Node
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
}

/** What the compiled schema says about one place. */
interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: object
}

/** The errors of shape of an object: `unknown` ones leave the rest readable, `wrong` ones do not. */
export interface StructureErrors {
  readonly unknown: readonly FieldError[]
  readonly wrong: readonly FieldError[]
}

/** Compares an object with the schema of its kind: every unknown field, every missing one, every one of the wrong type. */
export function createStructureCheck(schema: TSchema): (object: unknown) => StructureErrors {
  let compiled: ReturnType<typeof Compile> | undefined
  return (object) => {
    compiled ??= Compile(schema)
    return {
      unknown: unknownFields(schema as Node, object, '', isRoot),
      wrong: compiled.Check(object) ? [] : summarise(errorsOf(compiled, object)),
    }
  }
}

function errorsOf(compiled: ReturnType<typeof Compile>, object: unknown): readonly SchemaError[] {
  const [, errors] = compiled.Errors(object)
  return errors as readonly SchemaError[]
}

/** Metadata belongs to the API server, which knows it better. */
const isRoot = (path: string) => path === 'metadata'

function unknownFields(schema: Node, value: unknown, path: string, skip: (path: string) => boolean): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined
      ? []
      : value.flatMap((item, index) => unknownFields(items, item, `${path}[${index}]`, skip))
  }
  if (value === null || typeof value !== 'object' || schema['x-kubernetes-preserve-unknown-fields'] || skip(path))
    return []
  const { additionalProperties } = schema
  return Object.entries(value).flatMap(([key, child]) => {
    const at = join(path, key)
    const known = schema.properties?.[key]
    if (known !== undefined) return unknownFields(known, child, at, skip)
    if (typeof additionalProperties === 'object') return unknownFields(additionalProperties, child, at, skip)
    return schema.properties === undefined ? [] : [unknownField(at, key, Object.keys(schema.properties))]
  })
}

function unknownField(field: string, key: string, known: readonly string[]): FieldError {
  const nearest = known
    .map((name) => ({ name, steps: editSteps(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.steps - b.steps)[0]
  const close = nearest !== undefined && nearest.steps <= Math.max(2, Math.floor(key.length / 4))
  return fieldError(
    field,
    'unknown field',
    close ? `did you mean ${nearest.name}?` : `remove it; known here: ${known.join(', ')}`,
  )
}

/** How many letters must be added, removed or changed to get from one word to the other. */
function editSteps(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

/** One error for each place: of several ways in which a value does not fit, the choice among them says the most. */
function summarise(errors: readonly SchemaError[]): FieldError[] {
  const byPath = Map.groupBy(
    errors.filter((error) => error.keyword !== 'additionalProperties'),
    (error) => error.instancePath,
  )
  return [...byPath].flatMap(([pointer, group]) => {
    const field = fieldOf(pointer)
    const missing = group.flatMap(
      (error) => (error.params as { requiredProperties?: string[] }).requiredProperties ?? [],
    )
    if (missing.length > 0) return missing.map((name) => fieldError(join(field, name), 'is required'))
    return [fieldError(field === '' ? '(root)' : field, messageOf(group))]
  })
}

function messageOf(group: readonly SchemaError[]): string {
  if (group.some((error) => error.keyword === 'anyOf')) return 'must be a number or text'
  const [first] = group
  if ((first?.params as { pattern?: unknown } | undefined)?.pattern?.toString() === quantityPattern) {
    return 'must be a quantity such as 2, 500m or 4Gi'
  }
  const bound = (first?.params as { comparison?: string; limit?: number } | undefined) ?? {}
  if (bound.comparison === '>=') return `must be at least ${bound.limit}`
  if (bound.comparison === '<=') return `must be at most ${bound.limit}`
  const allowed = (first?.params as { allowedValues?: readonly unknown[] } | undefined)?.allowedValues
  return allowed === undefined ? (first?.message ?? 'does not fit') : `must be one of ${allowed.join(', ')}`
}

function fieldOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : join(path, part)), '')
}

function join(path: string, key: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}
