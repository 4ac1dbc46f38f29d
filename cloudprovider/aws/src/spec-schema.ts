import { Failure } from '@trellis/foundation/failure'
import { Type } from 'typebox'

/** A text that says something. */
export const text = (description: string) => Type.String({ minLength: 1, description })

/** A whole number within bounds, both included. */
export const whole = (description: string, minimum: number, maximum = 2 ** 31 - 1) =>
  Type.Integer({ minimum, maximum, description })

/** True or false. */
export const flag = (description: string) => Type.Boolean({ description })

/** One of these words. */
export const oneOf = <const Word extends string>(description: string, words: readonly Word[]) =>
  Type.Unsafe<Word>({ type: 'string', enum: [...words], description })

/** Names and values of tags. */
export const tagMap = (description: string) =>
  Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: 256 },
    description,
  })

/** An object of exactly these fields; others are refused. */
export const strictObject = <Fields extends Parameters<typeof Type.Object>[0]>(fields: Fields) =>
  Type.Object(fields, { additionalProperties: false })

/** Refuses a spec for one of its fields, named below `providerSpec`. */
export function refuse(field: string, message: string, remedy?: string): Failure {
  return new Failure('Invalid', message, {
    field: `providerSpec.${field}`,
    ...(remedy === undefined ? {} : { remedy }),
  })
}
