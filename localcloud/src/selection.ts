import { Failure } from '@trellis/foundation/failure'

/** Narrows a list; every part must fit. */
export interface Selection {
  /** Pairs `key=value`. */
  readonly tags: readonly string[]
  readonly name?: string | undefined
  /** Id or name. */
  readonly network?: string | undefined
}

/** Whether a resource has the name and all the tags; throws `Invalid` for a tag that is not `key=value`. */
export function selects(
  selection: Selection,
  resource: { readonly name: string; readonly tags: Readonly<Record<string, string>> },
): boolean {
  if (selection.name !== undefined && selection.name !== resource.name) return false
  return selection.tags.every((pair) => {
    const equals = pair.indexOf('=')
    if (equals < 0)
      throw new Failure('Invalid', `${pair} is not a tag`, { field: 'tag', remedy: 'write tag=KEY=VALUE' })
    return resource.tags[pair.slice(0, equals)] === pair.slice(equals + 1)
  })
}
