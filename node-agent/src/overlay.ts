/** An object as JSON has them. */
export type JsonObject = Readonly<Record<string, unknown>>

/** `over` laid on `base`: objects are merged, everything else is replaced. */
export function overlay(base: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = base[key]
    merged[key] = isJsonObject(value) && isJsonObject(below) ? overlay(below, value) : value
  }
  return merged
}

/** Whether a value is an object, and neither a list nor nothing. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
