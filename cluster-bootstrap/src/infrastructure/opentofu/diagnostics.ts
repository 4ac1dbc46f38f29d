import { Failure, type FailureKind } from '@trellis/foundation/failure'
import type { Diagnostic } from './messages.ts'

/** What a provider quotes of a cloud's answer. */
interface Answer {
  readonly status?: number
  /** The cloud's own name of the error. */
  readonly code?: string
}

/**
 * How providers quote a cloud. OpenTofu has texts only where clouds have codes, so these patterns are as close to a code as one can come. Read from:
 * gophercloud (`ErrUnexpectedResponseCode`), aws-sdk-go-v2 (`smithy.OperationError`), googleapi (`googleapi.Error`) and the waiters of the Google provider.
 */
const quotes: readonly ((text: string) => Answer | undefined)[] = [
  (text) => {
    const found = /Expected HTTP response code \[[\d ]+\] when accessing .*?, but got (\d{3}) instead(?:: (.*))?/s.exec(
      text,
    )
    return found === null ? undefined : withCode({ status: Number(found[1]) }, neutronType(found[2] ?? ''))
  },
  (text) => {
    const found = /StatusCode: (\d{3})\b.*?\bapi error ([A-Za-z][\w.]*)/s.exec(text)
    return found === null ? undefined : withCode({ status: Number(found[1]) }, found[2])
  },
  (text) => {
    const found = /googleapi: Error (\d{3}): (?:.*, ([A-Za-z]\w+)\s*$)?/ms.exec(text)
    return found === null ? undefined : withCode({ status: Number(found[1]) }, found[2])
  },
  (text) => {
    const found = /Error (?:code|waiting).*?\b([A-Z][A-Z]+(?:_[A-Z]+)+)\b/s.exec(text)
    return found?.[1] === undefined ? undefined : { code: found[1] }
  },
]

function withCode(answer: Answer, code: string | undefined): Answer {
  return code === undefined ? answer : { ...answer, code }
}

/** Neutron names its errors; the other services of OpenStack have the status alone. */
function neutronType(body: string): string | undefined {
  return /"NeutronError":\s*\{.*?"type":\s*"(\w+)"/s.exec(body)?.[1]
}

/** Clouds' names of errors that tell more than the status they come with. */
const kindsByCode: Readonly<Record<string, FailureKind>> = {
  // OpenStack
  OverQuota: 'Exhausted',
  IpAddressGenerationFailure: 'Exhausted',
  ExternalIpAddressExhausted: 'Exhausted',
  NoNetworkAvailable: 'Exhausted',
  NetworkInUse: 'Conflict',
  // AWS
  AuthFailure: 'Unauthorized',
  ExpiredToken: 'Unauthorized',
  InvalidClientTokenId: 'Unauthorized',
  RequestExpired: 'Unauthorized',
  SignatureDoesNotMatch: 'Unauthorized',
  UnrecognizedClientException: 'Unauthorized',
  AccessDenied: 'Forbidden',
  OptInRequired: 'Forbidden',
  UnauthorizedOperation: 'Forbidden',
  AddressLimitExceeded: 'Exhausted',
  InternetGatewayLimitExceeded: 'Exhausted',
  InsufficientFreeAddressesInSubnet: 'Exhausted',
  LimitExceeded: 'Exhausted',
  NatGatewayLimitExceeded: 'Exhausted',
  RouteTableLimitExceeded: 'Exhausted',
  RulesPerSecurityGroupLimitExceeded: 'Exhausted',
  SecurityGroupLimitExceeded: 'Exhausted',
  SubnetLimitExceeded: 'Exhausted',
  VpcLimitExceeded: 'Exhausted',
  RequestLimitExceeded: 'Throttled',
  Throttling: 'Throttled',
  ThrottlingException: 'Throttled',
  DependencyViolation: 'Conflict',
  // GCP
  authError: 'Unauthorized',
  accessNotConfigured: 'Forbidden',
  forbidden: 'Forbidden',
  quotaExceeded: 'Exhausted',
  QUOTA_EXCEEDED: 'Exhausted',
  ZONE_RESOURCE_POOL_EXHAUSTED: 'Exhausted',
  IP_SPACE_EXHAUSTED: 'Exhausted',
  rateLimitExceeded: 'Throttled',
  userRateLimitExceeded: 'Throttled',
  RATE_LIMIT_EXCEEDED: 'Throttled',
  resourceInUseByAnotherResource: 'Conflict',
  RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: 'Conflict',
}

const kindsByStatus: Readonly<Record<number, FailureKind>> = {
  400: 'Invalid',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Unavailable',
  409: 'Conflict',
  413: 'Throttled',
  422: 'Invalid',
  429: 'Throttled',
}

/** The first of these that occurs is what a run failed by: what a person must put right comes before what may pass. */
const gravest: readonly FailureKind[] = [
  'Unauthorized',
  'Forbidden',
  'Invalid',
  'Exhausted',
  'Throttled',
  'Conflict',
  'NotFound',
]

/** What kind of failure one error of OpenTofu is; `Unavailable` when it quotes nothing that is known. */
export function kindOf({ summary, detail = '' }: Diagnostic): FailureKind {
  const text = `${summary}\n${detail}`
  for (const quote of quotes) {
    const answer = quote(text)
    if (answer === undefined) continue
    const kind = kindsByCode[answer.code ?? ''] ?? kindsByStatus[answer.status ?? 0]
    if (kind !== undefined) return kind
  }
  return 'Unavailable'
}

/** Longest text of a failure; a cloud may quote a whole page. */
const longestText = 1500

/**
 * The errors of a run as one failure, with the gravest of their kinds and all of their texts. What a cloud does not find is `Conflict`: something went away while
 * others still named it, and the next run sees that.
 */
export function failureOf(what: string, diagnostics: readonly Diagnostic[]): Failure {
  const errors = diagnostics.filter((one) => one.severity === 'error')
  const kinds = new Set(errors.map(kindOf))
  const kind = gravest.find((one) => kinds.has(one)) ?? 'Unavailable'
  const texts = [...new Set(errors.map(textOf))].join('; ').slice(0, longestText)
  return new Failure(
    kind === 'NotFound' ? 'Conflict' : kind,
    `${what}: ${texts === '' ? 'no reason was given' : texts}`,
  )
}

function textOf({ summary, detail, address }: Diagnostic): string {
  const at = address === undefined ? '' : `${address}: `
  const said = detail === undefined || detail === '' ? summary : `${summary}: ${detail}`
  return `${at}${said.replaceAll(/\s+/g, ' ').trim()}`
}
