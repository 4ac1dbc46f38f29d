import { describe, expect, it } from 'vitest'
import { Failure, InvariantError, isFailure, isTransient, describe as tell } from './failure.ts'

describe('failure', () => {
  it('tells kinds apart', () => {
    const failure = new Failure('NotFound', 'no such server')
    expect(isFailure(failure)).toBe(true)
    expect(isFailure(failure, 'NotFound', 'Gone')).toBe(true)
    expect(isFailure(failure, 'Conflict')).toBe(false)
    expect(isFailure(new TypeError('x'))).toBe(false)
  })

  it.each([
    [new Failure('Unavailable', ''), true],
    [new Failure('Throttled', ''), true],
    [new Failure('Conflict', ''), true],
    [new Failure('Invalid', ''), false],
    [new Failure('Unauthorized', ''), false],
    [new Failure('Forbidden', ''), false],
    [new Failure('Timeout', ''), true],
    [new Failure('NotFound', ''), false],
    [new InvariantError('bug'), false],
    [new TypeError('unknown'), true],
  ])('knows whether %o may pass', (error, expected) => {
    expect(isTransient(error)).toBe(expected)
  })

  it('writes one line with field, causes and remedy', () => {
    const cause = new TypeError('connect refused')
    const failure = new Failure('Unavailable', 'no answer', { cause, field: 'spec.a', remedy: 'start it' })
    expect(tell(failure)).toBe('spec.a: no answer: connect refused (start it)')
    expect(tell('text')).toBe('text')
  })
})
