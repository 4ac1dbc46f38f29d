import { Failure, type FailureKind } from '@trellis/foundation/failure'

/** What a code of EC2, IAM or STS means. */
export interface CodeMeaning {
  readonly kind: FailureKind
  /** Field of a provider spec that is to blame when the code comes with the making of a server. */
  readonly field?: string
  readonly remedy?: string
}

const renewCredentials = 'renew the credentials in the secret'
const grantRights = 'give the credentials the right to do it'
const checkRegion = 'check providerSpec.region, and whether the account may use that region'

/**
 * What the services' error codes mean. A code that is not here is judged by its ending, then by the status of the answer.
 * The codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and of IAM's and STS's references.
 */
export const codeMeanings: Readonly<Record<string, CodeMeaning>> = {
  // Too many calls: by themselves no fault of the class, and over in seconds.
  RequestLimitExceeded: { kind: 'Throttled' },
  Throttling: { kind: 'Throttled' },
  ThrottlingException: { kind: 'Throttled' },
  ThrottledException: { kind: 'Throttled' },
  RequestThrottled: { kind: 'Throttled' },
  RequestThrottledException: { kind: 'Throttled' },
  EC2ThrottledException: { kind: 'Throttled' },
  TooManyRequestsException: { kind: 'Throttled' },
  BandwidthLimitExceeded: { kind: 'Throttled' },
  SlowDown: { kind: 'Throttled' },

  // Stock and quota.
  InsufficientCapacity: { kind: 'Exhausted' },
  InsufficientInstanceCapacity: { kind: 'Exhausted' },
  InsufficientHostCapacity: { kind: 'Exhausted' },
  InsufficientReservedInstanceCapacity: { kind: 'Exhausted' },
  InsufficientVolumeCapacity: { kind: 'Exhausted' },
  InsufficientAddressCapacity: { kind: 'Exhausted' },
  InsufficientCapacityOnOutpost: { kind: 'Exhausted' },
  InsufficientFreeAddressesInSubnet: { kind: 'Exhausted' },
  ReservationCapacityExceeded: { kind: 'Exhausted' },
  InstanceLimitExceeded: { kind: 'Exhausted' },
  VcpuLimitExceeded: { kind: 'Exhausted' },
  VolumeLimitExceeded: { kind: 'Exhausted' },
  MaxIOPSLimitExceeded: { kind: 'Exhausted' },
  RouteLimitExceeded: { kind: 'Exhausted' },
  MaxSpotInstanceCountExceeded: { kind: 'Exhausted' },
  SpotMaxPriceTooLow: { kind: 'Exhausted', field: 'providerSpec.spotPrice' },
  // The zone has no such type of server at all, or not just now: another zone or type may do.
  Unsupported: { kind: 'Exhausted' },

  // Who calls.
  AuthFailure: { kind: 'Unauthorized', remedy: `${renewCredentials}; ${checkRegion}` },
  InvalidClientTokenId: { kind: 'Unauthorized', remedy: `${renewCredentials}; ${checkRegion}` },
  UnrecognizedClientException: { kind: 'Unauthorized', remedy: `${renewCredentials}; ${checkRegion}` },
  SignatureDoesNotMatch: { kind: 'Unauthorized', remedy: `${renewCredentials}, and check this host's clock` },
  IncompleteSignature: { kind: 'Unauthorized', remedy: renewCredentials },
  MissingAuthenticationToken: { kind: 'Unauthorized', remedy: renewCredentials },
  RequestExpired: { kind: 'Unauthorized', remedy: `${renewCredentials}, and check this host's clock` },
  ExpiredToken: { kind: 'Unauthorized', remedy: renewCredentials },
  ExpiredTokenException: { kind: 'Unauthorized', remedy: renewCredentials },
  InvalidIdentityToken: { kind: 'Unauthorized', remedy: renewCredentials },
  IDPRejectedClaim: { kind: 'Unauthorized', remedy: renewCredentials },
  CredentialsProviderError: { kind: 'Unauthorized', remedy: renewCredentials },
  OptInRequired: { kind: 'Forbidden', field: 'providerSpec.region', remedy: checkRegion },
  UnauthorizedOperation: { kind: 'Forbidden', remedy: grantRights },
  AccessDenied: { kind: 'Forbidden', remedy: grantRights },
  AccessDeniedException: { kind: 'Forbidden', remedy: grantRights },
  Blocked: { kind: 'Forbidden', remedy: 'the account is blocked: ask AWS' },

  // What a class names and the account has not.
  'InvalidAMIID.NotFound': { kind: 'NotFound', field: 'providerSpec.ami' },
  'InvalidAMIID.Unavailable': { kind: 'Invalid', field: 'providerSpec.ami' },
  'InvalidAMIID.Malformed': { kind: 'Invalid', field: 'providerSpec.ami' },
  'InvalidKeyPair.NotFound': { kind: 'NotFound', field: 'providerSpec.keyName' },
  'InvalidSubnetID.NotFound': { kind: 'NotFound', field: 'providerSpec.networkInterfaces' },
  'InvalidGroup.NotFound': { kind: 'NotFound', field: 'providerSpec.networkInterfaces' },
  'InvalidSecurityGroupID.NotFound': { kind: 'NotFound', field: 'providerSpec.networkInterfaces' },
  'InvalidSnapshot.NotFound': { kind: 'NotFound', field: 'providerSpec.blockDevices' },
  'InvalidHostID.NotFound': { kind: 'NotFound', field: 'providerSpec.placement.hostId' },
  'InvalidPlacementGroup.Unknown': { kind: 'NotFound', field: 'providerSpec.placement.groupId' },
  'InvalidCapacityReservationId.NotFound': {
    kind: 'NotFound',
    field: 'providerSpec.capacityReservation.capacityReservationId',
  },
  InvalidBlockDeviceMapping: { kind: 'Invalid', field: 'providerSpec.blockDevices' },
  InvalidInstanceType: { kind: 'Invalid', field: 'providerSpec.machineType' },
  NoSuchEntity: { kind: 'NotFound' },
  NoSuchEntityException: { kind: 'NotFound' },

  // What is there already, or in a state that forbids it.
  IdempotentParameterMismatch: { kind: 'Conflict' },
  IdempotentInstanceTerminated: { kind: 'Gone' },
  DependencyViolation: { kind: 'Conflict' },
  DeleteConflict: { kind: 'Conflict' },
  EntityAlreadyExists: { kind: 'Conflict' },
  IncorrectState: { kind: 'Conflict' },
  IncorrectInstanceState: { kind: 'Conflict' },
  OperationNotPermitted: { kind: 'Conflict' },
  VolumeInUse: { kind: 'Conflict' },
  RouteAlreadyExists: { kind: 'Conflict' },
  'Resource.AlreadyAssociated': { kind: 'Conflict' },

  // The cloud's own troubles.
  InternalError: { kind: 'Unavailable' },
  InternalFailure: { kind: 'Unavailable' },
  ServerInternal: { kind: 'Unavailable' },
  Unavailable: { kind: 'Unavailable' },
  ServiceUnavailable: { kind: 'Unavailable' },
  PendingVerification: { kind: 'Unavailable', remedy: 'AWS is still verifying the account' },

  // Requests that can never succeed.
  UnsupportedOperation: { kind: 'Invalid' },
  UnknownParameter: { kind: 'Invalid' },
  MissingParameter: { kind: 'Invalid' },
  MissingInput: { kind: 'Invalid' },
  ValidationError: { kind: 'Invalid' },
  MalformedPolicyDocument: { kind: 'Invalid' },
  InvalidVolumeTypeException: { kind: 'Invalid' },

  // What the SDK and the network say when there was no answer.
  TimeoutError: { kind: 'Timeout' },
  ECONNRESET: { kind: 'Timeout' },
  EPIPE: { kind: 'Timeout' },
  // The file of a token that stands for a role.
  ENOENT: { kind: 'Unauthorized', field: 'secretRef.data.workloadIdentityTokenFile' },
  EACCES: { kind: 'Unauthorized', field: 'secretRef.data.workloadIdentityTokenFile' },
  ECONNREFUSED: { kind: 'Unavailable' },
  EAI_AGAIN: { kind: 'Unavailable' },
  ENOTFOUND: { kind: 'Unavailable', remedy: `${checkRegion}; it may also be this host's name service` },
}

/** Meanings of families of codes, the first that fits. */
const families: readonly (readonly [RegExp, FailureKind])[] = [
  [/(\.NotFound|NotFoundException|NotFound)$/, 'NotFound'],
  [/^Duplicate|(\.Duplicate|AlreadyExists|AlreadyExistsException)$/, 'Conflict'],
  [/(\.InUse|InUse|InUseException|\.AlreadyAssociated)$/, 'Conflict'],
  [/^TooMany|LimitExceeded(Exception)?$/, 'Exhausted'],
  [/^Insufficient/, 'Exhausted'],
  [/^(Invalid|Malformed|Missing|Unknown|Unsupported)/, 'Invalid'],
]

/** What a code means, with the status of the answer for those that nobody knows. */
export function meaningOf(code: string, status: number | undefined): CodeMeaning {
  const known = Object.hasOwn(codeMeanings, code) ? codeMeanings[code] : undefined
  const family = known === undefined ? families.find(([pattern]) => pattern.test(code)) : undefined
  return known ?? { kind: family?.[1] ?? kindOfStatus(status) }
}

function kindOfStatus(status: number | undefined): FailureKind {
  if (status === 429) return 'Throttled'
  if (status === 401) return 'Unauthorized'
  if (status === 403) return 'Forbidden'
  if (status === 404) return 'NotFound'
  return status === 400 ? 'Invalid' : 'Unavailable'
}

/** What the SDK throws, as far as it is known. */
interface ServiceFault {
  readonly name?: unknown
  readonly code?: unknown
  readonly message?: unknown
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown }
  readonly $response?: { readonly statusCode?: unknown; readonly headers?: Readonly<Record<string, unknown>> }
}

/** EC2's own code of a failure that came from it; undefined for others. */
export function codeOf(error: unknown): string | undefined {
  const fault = error instanceof Failure ? (error.cause as ServiceFault | undefined) : undefined
  return fault === undefined ? undefined : faultCode(fault)
}

function faultCode({ name, code }: ServiceFault): string {
  // System errors have their code beside a name that says nothing; those of services are named by their code.
  if (typeof code === 'string' && /^E[A-Z_]+$/.test(code)) return code
  return typeof name === 'string' ? name : ''
}

/** Folds what a call of `api` threw into a failure. */
export function foldFault(api: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const fault = (typeof error === 'object' && error !== null ? error : { message: String(error) }) as ServiceFault
  const status = numberOf(fault.$metadata?.httpStatusCode) ?? numberOf(fault.$response?.statusCode)
  const code = faultCode(fault)
  const { kind, field, remedy } = meaningOf(code, status)
  const retryAfter = Number(fault.$response?.headers?.['retry-after'])
  return new Failure(kind, `AWS refused ${api}: ${textOf(fault, code)}`, {
    cause: error,
    ...(field === undefined ? {} : { field }),
    ...(remedy === undefined ? {} : { remedy }),
    ...(retryAfter > 0 ? { retryAfterMilliseconds: Math.min(retryAfter, 300) * 1000 } : {}),
  })
}

function textOf({ message, $metadata }: ServiceFault, code: string): string {
  const words = typeof message === 'string' && message !== '' ? message : 'no reason given'
  const request = typeof $metadata?.requestId === 'string' ? ` (request ${$metadata.requestId})` : ''
  return `${code === '' ? '' : `${code}: `}${words.slice(0, 1000)}${request}`
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** A failure of the making of a server: what a class names and the account has not makes the class invalid. */
export function blameClass(error: unknown): unknown {
  if (!(error instanceof Failure) || error.kind !== 'NotFound') return error
  const { message, cause, field = 'providerSpec', remedy } = error
  return new Failure('Invalid', message, { cause, field, ...(remedy === undefined ? {} : { remedy }) })
}
