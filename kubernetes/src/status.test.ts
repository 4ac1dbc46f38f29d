import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { failureOf, kindOf, parseStatus, type Status, statusOf } from './status.ts'

const refusal = { method: 'GET', path: '/api/v1/namespaces/a/pods/b?x=y' }

describe('a refusal', () => {
  it.each([
    [400, 'Invalid'],
    [401, 'Unauthorized'],
    [402, 'Invalid'],
    [403, 'Forbidden'],
    [404, 'NotFound'],
    [405, 'Unimplemented'],
    [406, 'Unimplemented'],
    [408, 'Unavailable'],
    [409, 'Conflict'],
    [410, 'Gone'],
    [413, 'Invalid'],
    [415, 'Unimplemented'],
    [422, 'Invalid'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [503, 'Unavailable'],
    [504, 'Unavailable'],
    [599, 'Unavailable'],
  ] as const)('with code %i is %s', (code, kind) => {
    expect(kindOf(code)).toBe(kind)
    expect(failureOf({ ...refusal, code }).kind).toBe(kind)
  })

  it('names the field of the first cause that has one', () => {
    const status: Status = {
      kind: 'Status',
      message: 'Machine "a" is invalid',
      details: { name: 'a', causes: [{ reason: 'x' }, { field: 'spec.class' }, { field: 'spec.other' }] },
    }
    expect(failureOf({ ...refusal, code: 422, status })).toMatchObject({
      kind: 'Invalid',
      field: 'spec.class',
      message: 'Machine "a" is invalid',
    })
    expect(failureOf({ ...refusal, code: 409, status }).field).toBeUndefined()
  })

  it('carries how long to wait, from the header before the body', () => {
    const status: Status = { kind: 'Status', details: { retryAfterSeconds: 9 } }
    expect(failureOf({ ...refusal, code: 429, status }).retryAfterMilliseconds).toBe(9_000)
    expect(failureOf({ ...refusal, code: 429, status, retryAfterSeconds: 3 }).retryAfterMilliseconds).toBe(3_000)
    expect(failureOf({ ...refusal, code: 429 }).retryAfterMilliseconds).toBeUndefined()
  })

  it('tells an absent object from a path that nobody serves', () => {
    const absent: Status = { kind: 'Status', message: 'pods "b" not found', details: { name: 'b' } }
    expect(failureOf({ ...refusal, code: 404, status: absent })).toMatchObject({
      message: 'pods "b" not found',
      remedy: undefined,
    })
    const unserved = failureOf({ ...refusal, code: 404, body: '404 page not found' })
    expect(unserved.message).toBe('the API server does not serve /api/v1/namespaces/a/pods/b')
    expect(unserved.remedy).toContain('CustomResourceDefinition')
  })

  it('says something also when the server did not', () => {
    expect(failureOf({ ...refusal, code: 502, body: '<html>bad gateway' }).message).toBe(
      'the API server answered GET /api/v1/namespaces/a/pods/b with 502: <html>bad gateway',
    )
  })

  it('keeps the Status for those who must look closer', () => {
    const status: Status = { kind: 'Status', details: { causes: [{ reason: 'DisruptionBudget' }] } }
    expect(statusOf(failureOf({ ...refusal, code: 429, status }))).toBe(status)
    expect(statusOf(new Failure('Throttled', 'other'))).toBeUndefined()
    expect(statusOf('text')).toBeUndefined()
  })
})

describe('a body', () => {
  it.each(['', 'text', '[]', 'null', '{"kind":"Pod"}'])('that is %j holds no Status', (body) => {
    expect(parseStatus(body)).toBeUndefined()
  })
})
