import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Failure } from './failure.ts'
import { createParser } from './schema.ts'

const closed = { additionalProperties: false }
const parser = createParser(
  Type.Object(
    {
      name: Type.String(),
      workers: Type.Array(Type.Object({ maximum: Type.Integer({ minimum: 1 }) }, closed)),
    },
    closed,
  ),
  'configuration of a test',
)

/** The field that the failure names. */
function fieldOf(input: unknown): string | undefined {
  try {
    parser.parse(input)
  } catch (error) {
    return error instanceof Failure ? error.field : undefined
  }
  return undefined
}

describe('createParser', () => {
  it('returns what fits', () => {
    const value = { name: 'a', workers: [{ maximum: 2 }] }
    expect(parser.parse(value)).toEqual(value)
    expect(parser.fits(value)).toBe(true)
  })

  it.each([
    ['a missing key', { workers: [] }, 'name'],
    ['a wrong type', { name: 1, workers: [] }, 'name'],
    ['an unknown key', { name: 'a', workers: [], colour: 'red' }, 'colour'],
    ['a wrong value deep inside', { name: 'a', workers: [{ maximum: 2 }, { maximum: 0 }] }, 'workers[1].maximum'],
    ['an unknown key deep inside', { name: 'a', workers: [{ maximum: 2, minimum: 1 }] }, 'workers[0].minimum'],
    ['no object at all', 7, '(root)'],
  ])('names the field of %s', (_what, input, field) => {
    expect(parser.fits(input)).toBe(false)
    expect(fieldOf(input)).toBe(field)
  })
})
