import { Failure } from '../src/failure.ts'

/** The JSON list of texts in an environment variable that `./trellis test` sets. Throws `Invalid` that names the variable, with an example, when there is none. */
export function readListVariable(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  what: string,
  example: string,
): readonly string[] {
  const list = parse(environment[name])
  if (Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === 'string')) return list
  throw new Failure('Invalid', `${name} does not list ${what}`, {
    field: name,
    remedy: `run the tests with ./trellis test, or set it as in ${name}='${JSON.stringify([example])}'`,
  })
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
