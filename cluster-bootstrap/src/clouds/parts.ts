import { complete, list, optional, partial, text } from '@trellis/api/schema-parts'
import type { TProperties } from 'typebox'

/** Every part of a cloud's own may say what kind it is. */
export const kindFields = {
  apiVersion: optional(text('Group and version of this part.')),
  kind: optional(text('Kind of this part.')),
}

/** A part of a cloud's own: the fields are all optional unless they are made by `complete`. */
export function ownPart<Properties extends TProperties>(description: string, properties: Properties) {
  return complete(description, { ...kindFields, ...properties })
}

/** Machine images of a profile, each version with what this cloud says about it. */
export function mappedImages<Properties extends TProperties>(properties: Properties) {
  return list(
    'What the cloud calls the machine images.',
    complete('A machine image.', {
      name: text('Name of the image in spec.machineImages.'),
      versions: list(
        'Its versions.',
        complete('A version.', { version: text('The version in spec.machineImages.'), ...properties }),
      ),
    }),
  )
}

/** An HTTP address. */
const address = (description: string) => text(description, { pattern: '^https?://[^\\s,=]+$' })

/** Addresses that replace the cloud's own, for clouds that speak the same language. */
export function endpointFields<const Name extends string>(names: readonly Name[]) {
  return optional(
    partial(
      'Addresses in place of the cloud’s own, for clouds that speak its language.',
      Object.fromEntries(names.map((name) => [name, address(`Address of ${name}.`)])) as Record<
        Name,
        ReturnType<typeof address>
      >,
    ),
  )
}
