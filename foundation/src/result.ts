/** What an operation returns whose failure is expected: the value, or why there is none. */
export type Result<Value, Reason> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: Reason }

/** A result that holds a value. */
export function success<Value>(value: Value): Result<Value, never> {
  return { ok: true, value }
}

/** A result that holds the reason for having no value. */
export function failure<Reason>(reason: Reason): Result<never, Reason> {
  return { ok: false, reason }
}
