import { Failure, type FailureKind } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blameClass, codeMeanings, codeOf, foldFault, meaningOf } from './failures.ts'

/** A fault as the SDK throws it. */
function fault(code: string, status = 400, more: object = {}) {
  return Object.assign(new Error('words of AWS'), { name: code, $metadata: { httpStatusCode: status }, ...more })
}

const byKind: Readonly<Partial<Record<FailureKind, readonly string[]>>> = {
  Throttled: ['RequestLimitExceeded', 'Throttling', 'ThrottlingException', 'EC2ThrottledException', 'SlowDown'],
  Exhausted: [
    'InsufficientCapacity',
    'InsufficientInstanceCapacity',
    'InsufficientVolumeCapacity',
    'InsufficientAddressCapacity',
    'InstanceLimitExceeded',
    'VcpuLimitExceeded',
    'VolumeLimitExceeded',
    'MaxIOPSLimitExceeded',
    'RouteLimitExceeded',
    'Unsupported',
    'VpcLimitExceeded',
    'AddressLimitExceeded',
    'NatGatewayLimitExceeded',
    'InsufficientFreeAddressesInSubnet',
  ],
  Unauthorized: ['AuthFailure', 'RequestExpired', 'ExpiredToken', 'InvalidClientTokenId', 'SignatureDoesNotMatch'],
  Forbidden: ['UnauthorizedOperation', 'AccessDenied', 'OptInRequired'],
  NotFound: ['InvalidInstanceID.NotFound', 'InvalidAMIID.NotFound', 'NatGatewayNotFound', 'NoSuchEntity'],
  Conflict: [
    'IdempotentParameterMismatch',
    'DependencyViolation',
    'InvalidGroup.Duplicate',
    'InvalidNetworkInterface.InUse',
  ],
  Invalid: [
    'InvalidParameterValue',
    'InvalidParameterCombination',
    'MissingParameter',
    'UnsupportedOperation',
    'InvalidAMIID.Malformed',
  ],
  Unavailable: ['InternalError', 'Unavailable', 'ENOTFOUND', 'ECONNREFUSED'],
  Timeout: ['TimeoutError', 'ECONNRESET'],
  Gone: ['IdempotentInstanceTerminated'],
}

describe('codes', () => {
  const rows = Object.entries(byKind).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const))
  it.each(rows)('%s means %s', (code, kind) => {
    expect(foldFault('RunInstances', fault(code)).kind).toBe(kind)
  })

  it.each(Object.entries(codeMeanings))('%s is folded as the table says', (code, { kind, field, remedy }) => {
    const failure = foldFault('RunInstances', fault(code))
    expect(failure).toMatchObject({ kind, field, remedy })
    expect(codeOf(failure)).toBe(code)
    expect(failure.message).toContain('RunInstances')
  })

  it.each([
    [429, 'Throttled'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [400, 'Invalid'],
    [500, 'Unavailable'],
    [503, 'Unavailable'],
    [undefined, 'Unavailable'],
  ])('one that nobody knows is judged by the status %s: %s', (status, kind) => {
    expect(meaningOf('Novelty', status).kind).toBe(kind)
  })

  it.each(['toString', 'constructor', '__proto__', ''])('"%s" is no code of the table', (code) => {
    expect(meaningOf(code, 500)).toEqual({ kind: 'Unavailable' })
  })

  it('never throws, whatever was thrown', () => {
    const property = fc.property(fc.anything(), (thrown) => {
      expect(foldFault('RunInstances', thrown)).toBeInstanceOf(Failure)
    })
    fc.assert(property)
  })
})

describe('a fault', () => {
  it('of the system goes by its code', () => {
    const failure = foldFault(
      'RunInstances',
      Object.assign(new Error('getaddrinfo'), { name: 'Error', code: 'ENOTFOUND' }),
    )
    expect(failure).toMatchObject({ kind: 'Unavailable', remedy: expect.stringContaining('providerSpec.region') })
  })

  it('keeps the words of AWS, and how long it asks to wait', () => {
    const more = {
      $response: { headers: { 'retry-after': '7' } },
      $metadata: { httpStatusCode: 503, requestId: 'r-1' },
    }
    const failure = foldFault('RunInstances', fault('RequestLimitExceeded', 503, more))
    expect(failure.message).toBe('AWS refused RunInstances: RequestLimitExceeded: words of AWS (request r-1)')
    expect(failure.retryAfterMilliseconds).toBe(7000)
  })

  it('that is one of ours stays as it is', () => {
    const failure = new Failure('Timeout', 'no answer')
    expect(foldFault('RunInstances', failure)).toBe(failure)
  })
})

describe('blaming the class', () => {
  it('makes invalid what names something that is not there, with the field', () => {
    const failure = foldFault('RunInstances', fault('InvalidKeyPair.NotFound'))
    expect(blameClass(failure)).toMatchObject({ kind: 'Invalid', field: 'providerSpec.keyName' })
    expect(codeOf(blameClass(failure))).toBe('InvalidKeyPair.NotFound')
  })

  it('leaves all else alone', () => {
    const failure = foldFault('RunInstances', fault('InsufficientInstanceCapacity'))
    expect(blameClass(failure)).toBe(failure)
    expect(blameClass('x')).toBe('x')
  })
})
