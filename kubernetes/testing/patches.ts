import { Failure } from '@trellis/foundation/failure'

type Tree = Record<string, unknown>

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 7396: null removes, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTree(patch)) return patch
  const result: Tree = isTree(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

/** A merge patch under which lists called `conditions` merge by their `type`, and `finalizers` are joined, as those of the core kinds are; all other lists are replaced. */
export function strategicPatch(target: unknown, patch: unknown, name = ''): unknown {
  if (name === 'conditions' && Array.isArray(patch)) return mergeByType(Array.isArray(target) ? target : [], patch)
  if (name === 'finalizers' && Array.isArray(patch))
    return [...new Set([...(Array.isArray(target) ? target : []), ...patch])]
  if (!isTree(patch)) return patch
  const result: Tree = isTree(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = strategicPatch(result[key], value, key)
  }
  return result
}

function mergeByType(present: readonly unknown[], patches: readonly unknown[]): unknown[] {
  const typeOf = (element: unknown) => (isTree(element) ? element.type : undefined)
  const merged = present.map((element) => {
    const patch = patches.find((one) => typeOf(one) === typeOf(element))
    return patch === undefined ? element : strategicPatch(element, patch)
  })
  const added = patches.filter((patch) => !present.some((element) => typeOf(element) === typeOf(patch)))
  return [...merged, ...added]
}

/** What applying `next` makes of an object to which the same manager applied `previous`: fields it no longer names go. Lists are replaced whole. */
export function applyPatch(live: unknown, previous: unknown, next: unknown): unknown {
  if (!isTree(next)) return next
  const before = isTree(previous) ? previous : {}
  const result: Tree = isTree(live) ? { ...live } : {}
  for (const key of Object.keys(before)) {
    if (!(key in next)) delete result[key]
  }
  for (const [key, value] of Object.entries(next)) result[key] = applyPatch(result[key], before[key], value)
  return result
}

interface Operation {
  readonly op: string
  readonly path: string
  readonly value?: unknown
}

/** RFC 6902 without `move` and `copy`. Throws `Invalid` when an operation does not fit. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new Failure('Invalid', 'a JSON patch is a list of operations')
  return (patch as readonly Operation[]).reduce<unknown>(
    (value, operation) => change(value, pointer(operation.path), operation),
    target,
  )
}

function pointer(path: string): readonly string[] {
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function change(target: unknown, path: readonly string[], operation: Operation): unknown {
  const [head, ...rest] = path
  if (head === undefined) return replaced(target, operation)
  if (Array.isArray(target)) return changeList(target, head, rest, operation)
  const tree = isTree(target) ? target : undefined
  const missing = tree === undefined || !(head in tree)
  if (tree === undefined || (missing && (rest.length > 0 || operation.op !== 'add'))) {
    throw new Failure('Invalid', `the patch's path ${operation.path} does not exist`)
  }
  const { [head]: child, ...others } = tree
  if (rest.length === 0 && operation.op === 'remove') return others
  return { ...tree, [head]: change(child, rest, operation) }
}

function changeList(list: readonly unknown[], head: string, rest: readonly string[], operation: Operation): unknown {
  const index = head === '-' ? list.length : Number(head)
  const insertion = rest.length === 0 && operation.op === 'add'
  if (!Number.isInteger(index) || index < 0 || index > list.length - (insertion ? 0 : 1)) {
    throw new Failure('Invalid', `the patch's path ${operation.path} does not exist`)
  }
  if (insertion) return list.toSpliced(index, 0, operation.value)
  if (rest.length === 0 && operation.op === 'remove') return list.toSpliced(index, 1)
  return list.with(index, change(list[index], rest, operation))
}

function replaced(target: unknown, { op, path, value }: Operation): unknown {
  if (op === 'add' || op === 'replace') return value
  if (op === 'test') {
    if (JSON.stringify(target) === JSON.stringify(value)) return target
    throw new Failure('Invalid', `the patch's test of ${path} failed`)
  }
  throw new Failure('Unimplemented', `the fake client knows no patch operation ${op}`)
}
