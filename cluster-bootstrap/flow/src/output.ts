/** Any value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** What one task hands to later ones: JSON that goes through the journal, so that a resumed run has it too. */
export interface Output<Value> {
  /** The task that produces it. */
  readonly task: string
  /** Checks what the journal holds; throws `Invalid` when it does not fit. */
  parse(value: unknown): Value
}

/** Names the output of a task. `parse` is usually the `parse` of a parser from foundation/schema. */
export function defineOutput<Value>(task: string, parse: (value: unknown) => Value): Output<Value> {
  return { task, parse }
}
