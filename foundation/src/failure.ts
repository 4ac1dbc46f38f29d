/**
 * Every way in which something outside this process can let us down. Callers branch on the kind and never on the text.
 * - `NotFound`: the thing does not exist. `Conflict`: it exists otherwise, or changed meanwhile.
 * - `Invalid`: the request can never succeed as it is. `Unauthorized`: not with these credentials. `Forbidden`: they are valid, but lack the right.
 * - `Exhausted`: quota or capacity is used up. `Throttled`: too many requests. `Unavailable`: try again later.
 * - `Timeout`: a cloud took the call and never answered; it may have acted.
 * - `Gone`: what we resumed from no longer exists; begin anew. `Unimplemented`: the other side cannot do this.
 */
export type FailureKind =
  | 'NotFound'
  | 'Conflict'
  | 'Invalid'
  | 'Unauthorized'
  | 'Forbidden'
  | 'Exhausted'
  | 'Throttled'
  | 'Unavailable'
  | 'Timeout'
  | 'Gone'
  | 'Unimplemented'

/** What a failure may carry beside its kind and its text for people. */
export interface FailureDetail {
  readonly cause?: unknown
  /** Path of the offending field, as in `spec.workers[0].machineType`. */
  readonly field?: string
  /** What the reader can do about it. */
  readonly remedy?: string
  /** Earliest sensible moment to try again, from now. */
  readonly retryAfterMilliseconds?: number
}

/** An outside fault, folded into a closed kind at the port where it entered. */
export class Failure extends Error {
  readonly kind: FailureKind
  readonly field: string | undefined
  readonly remedy: string | undefined
  readonly retryAfterMilliseconds: number | undefined

  constructor(kind: FailureKind, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'Failure'
    this.kind = kind
    this.field = detail.field
    this.remedy = detail.remedy
    this.retryAfterMilliseconds = detail.retryAfterMilliseconds
  }
}

/** A bug of ours: something that cannot be was. The process should end and be restarted. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Whether `error` is a failure of one of the given kinds. */
export function isFailure(error: unknown, ...kinds: readonly FailureKind[]): error is Failure {
  return error instanceof Failure && (kinds.length === 0 || kinds.includes(error.kind))
}

/** Whether trying the same again later can help. Unknown errors are assumed to pass. */
export function isTransient(error: unknown): boolean {
  if (error instanceof InvariantError) return false
  return !isFailure(error, 'Invalid', 'Unauthorized', 'Forbidden', 'Unimplemented', 'NotFound')
}

/** One line for people: the message, its causes and the remedy. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `: ${describe(error.cause)}`
  const field = error instanceof Failure && error.field !== undefined ? `${error.field}: ` : ''
  const remedy = error instanceof Failure && error.remedy !== undefined ? ` (${error.remedy})` : ''
  return `${field}${error.message}${cause}${remedy}`
}
