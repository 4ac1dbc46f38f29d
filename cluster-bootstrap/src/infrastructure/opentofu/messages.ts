import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

/** What OpenTofu says of an error or a warning. Fields that are not read here are left out. */
export const diagnosticSchema = Type.Object({
  severity: Type.String(),
  summary: Type.String(),
  detail: Type.Optional(Type.String()),
  address: Type.Optional(Type.String()),
})

const hookSchema = Type.Object({
  resource: Type.Object({ addr: Type.String() }),
  action: Type.String(),
  id_value: Type.Optional(Type.String()),
})

const outputsSchema = Type.Record(Type.String(), Type.Object({ value: Type.Optional(Type.Unknown()) }))

const lineSchema = Type.Object({
  type: Type.Optional(Type.String()),
  diagnostic: Type.Optional(diagnosticSchema),
  hook: Type.Optional(Type.Unknown()),
  outputs: Type.Optional(outputsSchema),
})

/** An error or a warning of OpenTofu. */
export type Diagnostic = Static<typeof diagnosticSchema>

/** What is told by one line that OpenTofu writes with `-json`. */
export type Message =
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  /** Work at one resource has begun (`apply_start`), has come to its end, or has failed. */
  | {
      readonly type: 'apply_start' | 'apply_complete' | 'apply_errored'
      readonly address: string
      readonly action: string
      readonly id: string | undefined
    }
  | { readonly type: 'outputs'; readonly outputs: Readonly<Record<string, unknown>> }
  /** Of no interest here. */
  | { readonly type: 'other' }

const lines = createParser(lineSchema, 'message of OpenTofu')
const hooks = createParser(hookSchema, 'message of OpenTofu')

const other: Message = { type: 'other' }

/** Reads a line of OpenTofu's machine-readable output. A line that is no such message, as a crash writes it, is `other`: how the program ended tells the rest. */
export function parseMessage(line: string): Message {
  const value = parseJson(line)
  if (!lines.fits(value)) return other
  const { type, diagnostic, hook, outputs } = value
  if (diagnostic !== undefined) return { type: 'diagnostic', diagnostic }
  if (type === 'outputs' && outputs !== undefined) {
    return { type, outputs: Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.value])) }
  }
  if ((type === 'apply_start' || type === 'apply_complete' || type === 'apply_errored') && hooks.fits(hook)) {
    return { type, address: hook.resource.addr, action: hook.action, id: hook.id_value }
  }
  return other
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Parses what a program wrote that can only be JSON; throws `Unavailable` when it is not. */
export function parseWhole(text: string, what: string): unknown {
  const value = parseJson(text)
  if (value === undefined) throw new Failure('Unavailable', `${what} is not JSON`)
  return value
}
