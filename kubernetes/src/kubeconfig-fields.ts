import { Failure } from '@trellis/foundation/failure'

/**
 * Reads the fields of a parsed kubeconfig one by one and throws `Invalid` with a field's path when it is not what it should be.
 * Unknown fields are left alone: kubeconfigs carry extensions.
 */
export interface Fields {
  has(name: string): boolean
  /** Path of a field, for errors. */
  path(name: string): string
  text(name: string): string | undefined
  required(name: string): string
  flag(name: string): boolean
  texts(name: string): readonly string[]
  object(name: string): Fields
  objects(name: string): readonly Fields[]
  /** The member called `entryName` of a list of named things. */
  entry(listName: string, entryName: string): Fields
}

/** Wraps a value that should be an object; `path` is where it stands. */
export function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(path === '' ? 'kubeconfig' : path, 'an object')
  }
  const record = value as Readonly<Record<string, unknown>>
  const pathOf = (name: string) => (path === '' ? name : `${path}.${name}`)
  const get = (name: string) => (Object.hasOwn(record, name) ? (record[name] ?? undefined) : undefined)
  const text = (name: string) => {
    const found = get(name)
    if (found !== undefined && typeof found !== 'string') throw wrong(pathOf(name), 'text')
    return found
  }
  const list = (name: string): readonly unknown[] => {
    const found = get(name) ?? []
    if (!Array.isArray(found)) throw wrong(pathOf(name), 'a list')
    return found
  }
  const objects = (name: string) => list(name).map((item, index) => fieldsOf(item, `${pathOf(name)}[${index}]`))
  return {
    has: (name) => get(name) !== undefined,
    path: pathOf,
    text,
    required: (name) => {
      const found = text(name)
      if (found === undefined || found === '') throw new Failure('Invalid', 'is missing', { field: pathOf(name) })
      return found
    },
    flag: (name) => {
      const found = get(name) ?? false
      if (typeof found !== 'boolean') throw wrong(pathOf(name), 'true or false')
      return found
    },
    texts: (name) =>
      list(name).map((item, index) => {
        if (typeof item !== 'string') throw wrong(`${pathOf(name)}[${index}]`, 'text')
        return item
      }),
    object: (name) => fieldsOf(get(name), pathOf(name)),
    objects,
    entry: (listName, entryName) => {
      const found = objects(listName).find((item) => item.text('name') === entryName)
      if (found !== undefined) return found
      throw new Failure('Invalid', `has no entry named ${entryName}`, { field: pathOf(listName) })
    },
  }
}

function wrong(field: string, expected: string): Failure {
  return new Failure('Invalid', `must be ${expected}`, { field })
}
