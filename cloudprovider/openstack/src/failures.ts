import { Failure, type FailureKind, isFailure } from '@trellis/foundation/failure'

/** An answer of one of the cloud's services that is an error. */
export interface RefusedAnswer {
  readonly status: number
  readonly text: string
  /** The header of that name. */
  readonly retryAfter?: string
}

/** What an error answer must be like for a row to apply: its status, and if given Neutron's code and the cloud's words. */
interface Row {
  readonly status: number
  /** Neutron's codes; words are looked at only where the service has no code. */
  readonly type?: readonly string[]
  readonly says?: RegExp
  readonly kind: FailureKind
  readonly field?: string
  readonly remedy?: string
}

const inClass = (field: string) => `providerSpec.spec.${field}`
const quota = 'ask for a larger quota of the project, or use fewer servers'

/**
 * The cloud's refusals and what they are to us; the first row that applies wins. Nova, Cinder and Keystone give a status and a sentence, Neutron also a code.
 * A shortage is a 403 at Nova, a 409 at Neutron and a 413 at Cinder. A flavor that is not there counts as a shortage, as the reference has it, so that an autoscaler tries another pool.
 */
export const failureTable: readonly Row[] = [
  { status: 400, says: /availability zone/i, kind: 'Invalid', field: inClass('availabilityZone') },
  { status: 400, says: /^flavor .*could not be found/i, kind: 'Exhausted', field: inClass('flavorName') },
  { status: 400, says: /\bimage\b/i, kind: 'Invalid', field: inClass('imageID') },
  { status: 400, says: /key_name|keypair/i, kind: 'Invalid', field: inClass('keyName') },
  { status: 400, says: /security.?group/i, kind: 'Invalid', field: inClass('securityGroups') },
  { status: 400, says: /(server|instance) ?group/i, kind: 'Invalid', field: inClass('serverGroupID') },
  { status: 400, says: /user_data/i, kind: 'Invalid', field: 'secretRef.data.userData' },
  { status: 400, says: /volume type/i, kind: 'Invalid', field: inClass('rootDiskType') },
  { status: 400, says: /^network .*could not be found/i, kind: 'Invalid', field: inClass('networkID') },
  {
    status: 400,
    type: ['RoutesExhausted'],
    kind: 'Exhausted',
    remedy: 'let the operator of the cloud raise max_routes',
  },
  { status: 400, kind: 'Invalid' },
  { status: 401, kind: 'Unauthorized', remedy: 'check the credentials of the class: they may have expired' },
  { status: 403, says: /quota|maximum number of .* exceeded/i, kind: 'Exhausted', remedy: quota },
  { status: 403, kind: 'Forbidden', remedy: 'give the user a role that may do this' },
  { status: 404, kind: 'NotFound' },
  { status: 405, kind: 'Unimplemented' },
  { status: 406, kind: 'Unimplemented', remedy: 'the service is too old: microversion 2.52 of Nova is needed' },
  { status: 408, kind: 'Timeout' },
  {
    status: 409,
    type: ['OverQuota', 'IpAddressGenerationFailure', 'ExternalIpAddressExhausted', 'NoNetworkAvailable'],
    kind: 'Exhausted',
    remedy: quota,
  },
  { status: 409, kind: 'Conflict' },
  { status: 410, kind: 'NotFound' },
  { status: 413, says: /quota|maximum number/i, kind: 'Exhausted', remedy: quota },
  { status: 413, kind: 'Throttled' },
  { status: 429, kind: 'Throttled' },
  { status: 501, kind: 'Unimplemented' },
  { status: 504, kind: 'Timeout' },
]

/** The failure that an error answer is; `what` says what was asked for, as in `POST compute /servers`. */
export function failureOfAnswer(answer: RefusedAnswer, what: string): Failure {
  const told = readError(answer.text)
  const row = failureTable.find((one) => applies(one, answer.status, told))
  const kind = row?.kind ?? (answer.status < 500 ? 'Invalid' : 'Unavailable')
  const seconds = Number(answer.retryAfter)
  return new Failure(kind, `${what}: ${told.message ?? 'the cloud gives no reason'} (status ${answer.status})`, {
    ...(row?.field === undefined ? {} : { field: row.field }),
    ...(row?.remedy === undefined ? {} : { remedy: row.remedy }),
    ...(seconds > 0 ? { retryAfterMilliseconds: seconds * 1000 } : {}),
  })
}

/** Why a server ended in `ERROR`, as Nova says it. */
export interface ServerFault {
  readonly code?: number
  readonly message?: string
}

/** The failure that made a server unusable. Nova gives a sentence only: its code is 500 for shortages too. */
export function failureOfFault(machineName: string, fault: ServerFault | undefined): Failure {
  const message = fault?.message?.trim() ?? 'the cloud gives no reason'
  const short = /no valid host was found|quota/i.test(message)
  return new Failure(short ? 'Exhausted' : 'Unavailable', `the server of ${machineName} failed: ${bounded(message)}`)
}

/** Whether a service said no. A caller that gave up, a broken connection and silence say nothing of what became of a call. */
export function isRefusal(error: unknown): boolean {
  return isFailure(error, 'Invalid', 'Exhausted', 'Forbidden', 'Conflict', 'NotFound', 'Unauthorized', 'Unimplemented')
}

function applies(row: Row, status: number, told: ReturnType<typeof readError>): boolean {
  if (row.status !== status) return false
  if (row.type !== undefined && !row.type.includes(told.type ?? '')) return false
  return row.says === undefined || row.says.test(told.message ?? '')
}

/** Error bodies are `{"<word>": {"message": …}}` with a word for each sort of error, `{"NeutronError": {"type", "message"}}`, or no JSON at all. */
function readError(text: string): { readonly message?: string; readonly type?: string } {
  const values = Object.values(parseObject(text))
  const inner = values.find((value) => typeof value === 'object' && value !== null) as
    | Record<string, unknown>
    | undefined
  const message = inner?.message ?? values.find((value) => typeof value === 'string')
  return {
    ...(typeof message === 'string' ? { message: bounded(message) } : {}),
    ...(typeof inner?.type === 'string' ? { type: inner.type } : {}),
  }
}

function parseObject(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}

/** Whatever a cloud says ends up in statuses and logs. */
function bounded(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}
