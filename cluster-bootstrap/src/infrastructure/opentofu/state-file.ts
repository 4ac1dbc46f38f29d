import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const stateSchema = Type.Object({
  version: Type.Literal(4),
  serial: Type.Integer({ minimum: 0 }),
  lineage: Type.String(),
  resources: Type.Array(
    Type.Object({
      module: Type.Optional(Type.String()),
      mode: Type.String(),
      type: Type.String(),
      name: Type.String(),
      instances: Type.Array(
        Type.Object({
          index_key: Type.Optional(Type.Union([Type.String(), Type.Number()])),
          deposed: Type.Optional(Type.String()),
          attributes: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
        }),
      ),
    }),
  ),
})

/** A state of OpenTofu (format 4). Fields that are not read here are left out. */
export type StateFile = Static<typeof stateSchema>

const parser = createParser(stateSchema, 'state of OpenTofu')

/** Reads a state; undefined for half a state, as it lies there while OpenTofu writes it. */
export function parseState(text: string): StateFile | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return parser.fits(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** What a state manages: identifiers at the cloud by the resource's address. What is only waiting for its deletion (deposed) is left out. */
export function identifiersOf(state: StateFile | undefined): Readonly<Record<string, string>> {
  const managed = (state?.resources ?? []).filter((resource) => resource.mode === 'managed')
  return Object.fromEntries(
    managed.flatMap(({ module, type, name, instances }) =>
      instances
        .filter((instance) => instance.deposed === undefined)
        .map(({ index_key: key, attributes }) => {
          const place = module === undefined ? '' : `${module}.`
          const index = key === undefined ? '' : `[${JSON.stringify(key)}]`
          return [`${place}${type}.${name}${index}`, String(attributes?.id ?? '')]
        }),
    ),
  )
}

/** Whether a state manages nothing at all, not even what waits for its deletion. */
export function isEmpty(state: StateFile | undefined): boolean {
  return (state?.resources ?? []).every((resource) => resource.mode !== 'managed' || resource.instances.length === 0)
}
