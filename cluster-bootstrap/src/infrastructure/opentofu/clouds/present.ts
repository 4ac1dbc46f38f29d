import type { Existing } from '../cloud.ts'

/** Only what was found. */
export function presentOnly(found: Readonly<Record<string, string | undefined>>): Existing {
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
