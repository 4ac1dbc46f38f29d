import { describe, expect, it } from 'vitest'
import { failureOfAnswer, failureOfOperation, kindByCode } from './failures.ts'

const body = (reason: string, message = 'no') => JSON.stringify({ error: { code: 400, message, errors: [{ reason }] } })

describe('failures of Google Cloud', () => {
  it.each(Object.entries(kindByCode))('takes %s for %s, as a reason and as a code of an operation', (code, kind) => {
    expect(failureOfAnswer(400, body(code), null)).toMatchObject({ kind, message: 'no' })
    expect(failureOfOperation([{ code, message: 'no' }])).toMatchObject({ kind, message: `no (${code})` })
  })

  it.each([
    [400, 'Invalid'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [409, 'Conflict'],
    [410, 'NotFound'],
    [412, 'Conflict'],
    [418, 'Invalid'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [501, 'Unimplemented'],
    [503, 'Unavailable'],
    [504, 'Timeout'],
  ])('takes status %i without a known reason for %s, whatever the body is', (status, kind) => {
    for (const text of [
      '',
      '<html>',
      'null',
      '[]',
      '{"error":7}',
      '{"error":{"errors":[null,{"reason":3}],"message":{}}}',
      body('neverHeardOf'),
    ]) {
      expect(failureOfAnswer(status, text, null).kind).toBe(kind)
    }
  })

  it('takes quotas of any name for exhaustion', () => {
    expect(failureOfOperation([{ code: 'CPUS_QUOTA_EXCEEDED_SOMEHOW', message: 'no' }]).kind).toBe('Exhausted')
    expect(failureOfAnswer(403, body('quotaExceeded'), null).kind).toBe('Exhausted')
  })

  it('takes a zone without the machine type for exhaustion: another zone may have it', () => {
    const text =
      "Invalid value for field 'resource.machineType': 'x'. Machine type with name 'x' does not exist in zone 'z'."
    expect(failureOfAnswer(400, body('invalid', text), null).kind).toBe('Exhausted')
    expect(failureOfOperation([{ code: 'INVALID_FIELD_VALUE', message: text }]).kind).toBe('Exhausted')
  })

  it('takes a shortage among several errors for what decides', () => {
    const errors = [
      { code: 'INTERNAL_ERROR', message: 'a' },
      { code: 'ZONE_RESOURCE_POOL_EXHAUSTED', message: 'b' },
    ]
    expect(failureOfOperation(errors)).toMatchObject({
      kind: 'Exhausted',
      message: 'a (INTERNAL_ERROR); b (ZONE_RESOURCE_POOL_EXHAUSTED)',
    })
  })

  it('hopes that what it does not know passes', () => {
    expect(failureOfOperation([{ code: 'BRAND_NEW', message: 'x' }]).kind).toBe('Unavailable')
    expect(failureOfOperation([]).kind).toBe('Unavailable')
  })

  it.each([
    ['7', 7000],
    ['0', undefined],
    ['soon', undefined],
    [null, undefined],
  ])('reads that it shall come back after %s', (header, milliseconds) => {
    expect(failureOfAnswer(429, '', header).retryAfterMilliseconds).toBe(milliseconds)
  })
})
