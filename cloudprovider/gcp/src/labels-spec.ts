import { Type } from 'typebox'

/** Schema of labels as the cloud allows them: at most 64, ours among them. */
export const labelsSchema = Type.Unsafe<Record<string, string>>({
  type: 'object',
  maxProperties: 58,
  propertyNames: { pattern: '^[a-z][a-z0-9_-]{0,62}$' },
  additionalProperties: { type: 'string', pattern: '^[a-z0-9_-]{0,63}$' },
})
