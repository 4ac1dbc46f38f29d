import { InvariantError } from '@trellis/foundation/failure'

/** Text as written, where an escape would be another text. */
const rawText = /String\.raw\s*`[^`]*[^\0-\xff][^`]*`/

/**
 * The same JavaScript with an escape for each character beyond Latin-1. The engine keeps source text for as long as a module lives, with two bytes for every character as soon as one of them needs
 * two: a single dash in a message doubles what a bundle takes. Throws `InvariantError` where an escape would change the program.
 */
export function oneByteSource(code: string): string {
  if (rawText.test(code)) throw new InvariantError('a raw template has a character beyond Latin-1, which has no escape')
  return code.replaceAll(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
