import { GoogleError } from './google-error.ts'

/** A thing of the cloud, as its API shows it. */
export type Thing = Readonly<Record<string, unknown>>

/** Whether a thing passes a filter expression. Only what the API documents and the driver says is understood; all else is refused as the real one refuses it. */
export function passes(filter: string, thing: Thing): boolean {
  return filter
    .split(/\bAND\b/)
    .map((term) =>
      term
        .trim()
        .replace(/^\(|\)$/g, '')
        .trim(),
    )
    .every((term) => passesTerm(term, thing))
}

const comparison = /^([\w.-]+)\s*(=|!=)\s*"?([^"]*)"?$/
const presence = /^([\w.-]+):\*$/

function passesTerm(term: string, thing: Thing): boolean {
  const [, present] = presence.exec(term) ?? []
  if (present !== undefined) return valueAt(thing, present) !== undefined
  const [, field, operator, wanted] = comparison.exec(term) ?? []
  if (field === undefined) throw badFilter(term)
  const value = valueAt(thing, field)
  const same = String(value ?? '') === wanted
  return operator === '=' ? same : !same
}

/** Fields that repeat cannot be looked into: so says the real API of network tags and of interfaces. */
function valueAt(thing: Thing, field: string): unknown {
  const [first = '', ...rest] = field.split('.')
  const key = rest.join('.')
  if (first === 'labels') return (thing[first] as Readonly<Record<string, unknown>> | undefined)?.[key]
  const value = rest.reduce<unknown>((outer, name) => (outer as Thing | undefined)?.[name], thing[first])
  if (Array.isArray(value) || Array.isArray(thing[first])) throw badFilter(field)
  return value
}

function badFilter(text: string): GoogleError {
  return new GoogleError(400, 'invalid', `Invalid value for field 'filter': '${text}'. Invalid list filter expression.`)
}

/** One page of what a query asks for. */
export function page(
  all: readonly Thing[],
  query: URLSearchParams,
): { readonly items: readonly Thing[]; readonly nextPageToken?: string } {
  const filter = query.get('filter') ?? ''
  const passed = filter === '' ? all : all.filter((thing) => passes(filter, thing))
  const begin = Number(Buffer.from(query.get('pageToken') ?? '', 'base64').toString() || 0)
  const end = begin + Math.min(Number(query.get('maxResults') ?? 500), 500)
  const items = passed.slice(begin, end)
  return end < passed.length ? { items, nextPageToken: Buffer.from(String(end)).toString('base64') } : { items }
}

/** The parts of an answer that `fields` asks for, as in `nextPageToken,items(name,tags/items)`. */
export function project(value: unknown, fields: string): unknown {
  const tree = parseMask(fields)
  return prune(value, tree)
}

interface Mask extends ReadonlyMap<string, Mask> {}

function parseMask(text: string): Mask {
  const root = new Map<string, Mask>()
  for (const part of splitTop(text)) {
    const [, path = '', inner] = /^([^(]+)(?:\((.*)\))?$/.exec(part) ?? []
    const names = path.split('/')
    let at = root
    for (const name of names) {
      const next = (at.get(name) as Map<string, Mask> | undefined) ?? new Map<string, Mask>()
      at.set(name, next)
      at = next
    }
    for (const [name, mask] of inner === undefined ? [] : parseMask(inner)) at.set(name, mask)
  }
  return root
}

function splitTop(text: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let begin = 0
  for (const [index, character] of [...text].entries()) {
    if (character === '(') depth++
    if (character === ')') depth--
    if (character !== ',' || depth > 0) continue
    parts.push(text.slice(begin, index))
    begin = index + 1
  }
  return [...parts, text.slice(begin)]
}

function prune(value: unknown, mask: Mask): unknown {
  if (mask.size === 0 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one) => prune(one, mask))
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const wanted = mask.get(key) ?? mask.get('*')
      return wanted === undefined ? [] : [[key, prune(inner, wanted)]]
    }),
  )
}
