import { Failure, type FailureDetail, type FailureKind } from '@trellis/foundation/failure'

/** Reasons that Google's APIs give in errors of HTTP, and codes that failed operations give, by what they mean here. Reasons are in camel case, codes in capitals. */
export const kindByCode: Readonly<Record<string, FailureKind>> = {
  accessNotConfigured: 'Forbidden',
  alreadyExists: 'Conflict',
  authError: 'Unauthorized',
  backendError: 'Unavailable',
  badRequest: 'Invalid',
  conditionNotMet: 'Conflict',
  deadlineExceeded: 'Timeout',
  forbidden: 'Forbidden',
  insufficientPermissions: 'Forbidden',
  internalError: 'Unavailable',
  invalid: 'Invalid',
  invalidParameter: 'Invalid',
  limitExceeded: 'Exhausted',
  notFound: 'NotFound',
  quotaExceeded: 'Exhausted',
  rateLimitExceeded: 'Throttled',
  required: 'Invalid',
  resourceInUseByAnotherResource: 'Conflict',
  resourceNotReady: 'Unavailable',
  userRateLimitExceeded: 'Throttled',
  ACCESS_TOKEN_EXPIRED: 'Unauthorized',
  CONDITION_NOT_MET: 'Invalid',
  FORBIDDEN: 'Forbidden',
  INTERNAL_ERROR: 'Unavailable',
  INVALID_FIELD_VALUE: 'Invalid',
  INVALID_USAGE: 'Invalid',
  IP_SPACE_EXHAUSTED: 'Exhausted',
  IP_SPACE_EXHAUSTED_WITH_DETAILS: 'Exhausted',
  PERMISSIONS_ERROR: 'Forbidden',
  QUOTA_EXCEEDED: 'Exhausted',
  RATE_LIMIT_EXCEEDED: 'Throttled',
  RESOURCE_ALREADY_EXISTS: 'Conflict',
  RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: 'Conflict',
  RESOURCE_NOT_FOUND: 'NotFound',
  RESOURCE_NOT_READY: 'Unavailable',
  RESOURCE_OPERATION_RATE_EXCEEDED: 'Throttled',
  RESOURCE_POOL_EXHAUSTED: 'Exhausted',
  STOCKOUT: 'Exhausted',
  TIMEOUT: 'Timeout',
  UNSUPPORTED_OPERATION: 'Invalid',
  VM_MIN_COUNT_NOT_REACHED: 'Exhausted',
  ZONE_RESOURCE_POOL_EXHAUSTED: 'Exhausted',
  ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: 'Exhausted',
}

/** What a status of HTTP means where no reason says more. */
const kindByStatus: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Timeout',
  409: 'Conflict',
  410: 'NotFound',
  412: 'Conflict',
  429: 'Throttled',
  501: 'Unimplemented',
  504: 'Timeout',
}

/** Quotas have many names; each new one has this word in its code. */
const anyQuota = /QUOTA/

/** The one shortage that has no code of its own: a zone without the machine type answers as if the class were wrong, while another zone may have it. */
const noSuchMachineTypeHere = /Machine type with name '[^']*' does not exist in zone/

/** An error as Google's APIs write it. */
interface ErrorBody {
  readonly error?: {
    readonly message?: string
    readonly errors?: readonly { readonly reason?: string }[]
    readonly details?: readonly { readonly reason?: string }[]
  }
}

/** What failed, as the cloud says it: a code and a text. */
export interface CloudError {
  readonly code: string
  readonly message: string
}

/** The kind of a code; undefined when it is one that nobody knows. */
function kindOf(code: string): FailureKind | undefined {
  return kindByCode[code] ?? (anyQuota.test(code) ? 'Exhausted' : undefined)
}

/** The failure of an answer of HTTP that is an error. `text` is its body, whatever that is; `retryAfter` its header of that name. */
export function failureOfAnswer(status: number, text: string, retryAfter: string | null): Failure {
  const { message, codes } = readErrorBody(text)
  const known = codes.map(kindOf).find((kind) => kind !== undefined)
  const kind = noSuchMachineTypeHere.test(message)
    ? 'Exhausted'
    : (known ?? kindByStatus[status] ?? (status >= 500 ? 'Unavailable' : 'Invalid'))
  return new Failure(kind, message === '' ? `the cloud answers with status ${status}` : message, {
    ...remedyOf(kind),
    ...pauseOf(retryAfter),
  })
}

/** The failure of an operation that ended with these errors. */
export function failureOfOperation(errors: readonly CloudError[]): Failure {
  const [first] = errors
  const decisive = errors.find(({ code }) => kindOf(code) === 'Exhausted') ?? first
  const message = errors.map((error) => `${error.message} (${error.code})`).join('; ')
  const kind = noSuchMachineTypeHere.test(message) ? 'Exhausted' : (kindOf(decisive?.code ?? '') ?? 'Unavailable')
  return new Failure(kind, message === '' ? 'the operation failed and the cloud gives no reason' : message)
}

function readErrorBody(text: string): { readonly message: string; readonly codes: readonly string[] } {
  try {
    const { error } = JSON.parse(text) as ErrorBody
    const reasons = [...asList(error?.errors), ...asList(error?.details)].map(({ reason }) => reason)
    return {
      message: typeof error?.message === 'string' ? error.message : '',
      codes: reasons.filter((reason) => typeof reason === 'string'),
    }
  } catch {
    return { message: '', codes: [] }
  }
}

/** Bodies come from whoever stands between us and the cloud: nothing of their shape is certain. */
function asList(value: unknown): readonly { readonly reason?: unknown }[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : []
}

function remedyOf(kind: FailureKind): FailureDetail {
  if (kind === 'Unauthorized') return { remedy: 'renew the credentials in the secret of the class' }
  if (kind === 'Forbidden')
    return {
      remedy:
        'give the service account the role compute.instanceAdmin.v1, and iam.serviceAccountUser on the accounts of servers',
    }
  return {}
}

function pauseOf(retryAfter: string | null): FailureDetail {
  const seconds = Number(retryAfter ?? Number.NaN)
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterMilliseconds: seconds * 1000 } : {}
}
