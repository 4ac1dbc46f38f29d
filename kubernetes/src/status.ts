import { Failure, type FailureDetail, type FailureKind } from '@trellis/foundation/failure'

/** One reason among several for which an API server refused. */
export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

/** What an API server answers instead of an object. */
export interface Status {
  readonly kind: 'Status'
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: {
    readonly name?: string
    readonly kind?: string
    readonly causes?: readonly StatusCause[]
    readonly retryAfterSeconds?: number
  }
}

const statuses = new WeakMap<Failure, Status>()

/**
 * The Status that a failure was made from, for callers that must tell apart what shares a kind,
 * such as an eviction that a disruption budget refused; undefined for every other error.
 */
export function statusOf(error: unknown): Status | undefined {
  return error instanceof Failure ? statuses.get(error) : undefined
}

/** The Status in a response's body, when there is one. */
export function parseStatus(body: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isStatus(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether a value is a Status object. */
export function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'Status'
}

/** What is known about a refused request. */
export interface Refusal {
  readonly method: string
  readonly path: string
  readonly code: number
  readonly status?: Status | undefined
  /** Beginning of the body when it was not a Status. */
  readonly body?: string
  readonly retryAfterSeconds?: number | undefined
}

/** The failure that a refusal folds into. The kind depends on the code alone, never on the text. */
export function failureOf(refusal: Refusal): Failure {
  const { status } = refusal
  const kind = kindOf(refusal.code)
  const failure = new Failure(kind, messageOf(refusal), detailOf(refusal, kind))
  if (status !== undefined) statuses.set(failure, status)
  return failure
}

/** The closed kind of an HTTP status code of an API server. */
export function kindOf(code: number): FailureKind {
  const known = kindsByCode[code]
  if (known !== undefined) return known
  return code >= 500 ? 'Unavailable' : 'Invalid'
}

const kindsByCode: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'Unimplemented',
  406: 'Unimplemented',
  408: 'Unavailable',
  409: 'Conflict',
  410: 'Gone',
  413: 'Invalid',
  415: 'Unimplemented',
  422: 'Invalid',
  429: 'Throttled',
}

function messageOf(refusal: Refusal): string {
  const { method, path, code, status, body } = refusal
  if (isUnknownPath(refusal)) return `the API server does not serve ${path.split('?')[0]}`
  if (status?.message !== undefined && status.message !== '') return status.message
  const said = (body ?? '').trim().slice(0, 200)
  const target = path.split('?')[0]
  return `the API server answered ${method} ${target} with ${code}${said === '' ? '' : `: ${said}`}`
}

function detailOf(refusal: Refusal, kind: FailureKind): FailureDetail {
  const { status, retryAfterSeconds } = refusal
  const field = kind === 'Invalid' ? status?.details?.causes?.find((cause) => cause.field)?.field : undefined
  const seconds = retryAfterSeconds ?? status?.details?.retryAfterSeconds
  const remedy = remedyOf(refusal)
  return {
    ...(field === undefined ? {} : { field }),
    ...(seconds === undefined || seconds <= 0 ? {} : { retryAfterMilliseconds: seconds * 1000 }),
    ...(remedy === undefined ? {} : { remedy }),
  }
}

function remedyOf(refusal: Refusal): string | undefined {
  if (refusal.code === 401) return 'check the credentials in the kubeconfig'
  if (isUnknownPath(refusal))
    return 'install the CustomResourceDefinition of this kind, or wait until it is established'
  return undefined
}

/** An absent object is named in the Status; a path that nobody serves is not. */
function isUnknownPath({ code, status }: Refusal): boolean {
  return code === 404 && status?.details?.name === undefined
}
