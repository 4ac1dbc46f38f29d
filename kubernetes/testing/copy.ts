/** A deep copy of what JSON can say; several times as fast as `structuredClone`, which counts where a simulation copies millions of objects. */
export function copyOf<Value>(value: Value): Value {
  return copy(value) as Value
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copy)
  const to: Record<string, unknown> = {}
  for (const key of Object.keys(value)) to[key] = copy((value as Record<string, unknown>)[key])
  return to
}
