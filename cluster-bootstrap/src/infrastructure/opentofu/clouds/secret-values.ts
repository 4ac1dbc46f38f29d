import { Failure } from '@trellis/foundation/failure'

/** The value under the first of these keys of an account's secret; throws `Invalid` that names the first of them when none is there. */
export function needValue(secret: Readonly<Record<string, string>>, ...keys: readonly string[]): string {
  const value = findValue(secret, ...keys)
  if (value !== undefined) return value
  throw new Failure('Invalid', 'is required', {
    field: `secret.${keys[0]}`,
    remedy: `put it into the Secret of the cloud's account`,
  })
}

/** The value under the first of these keys that is there and not blank. */
export function findValue(secret: Readonly<Record<string, string>>, ...keys: readonly string[]): string | undefined {
  return keys.map((key) => secret[key]).find((value) => value !== undefined && value.trim() !== '')
}

/** Variables of an environment, of the values that are there. */
export function environmentOf(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
