import { Failure } from '@trellis/foundation/failure'

/** Names out of a list as an option gives it, as in `streams,recovery`. Throws `Invalid` that names the option. */
export function chosenNames<Name extends string>(text: string, names: readonly Name[], field: string): readonly Name[] {
  return text.split(',').map((word) => {
    const name = names.find((one) => one === word)
    if (name !== undefined) return name
    throw new Failure('Invalid', `there is no ${word}`, { field, remedy: `choose from ${names.join(', ')}` })
  })
}

/** A number of things, from 1. Throws `Invalid` that names the option. */
export function countOf(text: string, field: string, things: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new Failure('Invalid', `${text} is not a number of ${things}`, { field })
}
