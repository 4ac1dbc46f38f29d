/** Whether two JSON values say the same; the order of an object's keys does not matter, nor whether a field is absent, undefined or null: typed clients write nulls. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right || (isAbsent(left) && isAbsent(right))) return true
  if (!isObject(left) || !isObject(right)) return false
  if (Array.isArray(left) || Array.isArray(right)) return sameLists(left, right)
  return (
    Object.keys(left).every((key) => sameJson(left[key], own(right, key))) &&
    Object.keys(right).every((key) => isAbsent(right[key]) || !isAbsent(own(left, key)))
  )
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

/** Names that every object knows by itself, as `constructor`, may be names of labels too. */
function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function sameLists(left: unknown, right: unknown): boolean {
  return (
    Array.isArray(left) &&
    Array.isArray(right) &&
    left.length === right.length &&
    left.every((value, index) => sameJson(value, right[index]))
  )
}

/** JSON with sorted keys and without fields that are undefined or null: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
      const entries = Object.entries(part).filter(([, inner]) => inner !== undefined && inner !== null)
      return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
    }) ?? 'null'
  )
}
