import { Failure } from '@trellis/foundation/failure'

/** A range of IPv4 addresses. Addresses are unsigned 32-bit numbers here and dotted text everywhere else. */
export interface Range {
  /** As written, as in `10.0.0.0/16`. */
  readonly text: string
  readonly first: number
  readonly last: number
  readonly prefixLength: number
}

/** The number of a dotted address; undefined when it is none. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) {
    return undefined
  }
  return parts.reduce((number, part) => number * 256 + Number(part), 0)
}

/** A number as a dotted address. */
export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/** Parses a range in canonical form; throws `Invalid` that names `field` when it is none. */
export function parseRange(text: string, field: string): Range {
  const [address = '', length = ''] = text.split('/')
  const first = parseAddress(address)
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : Number.NaN
  if (first === undefined || !(prefixLength <= 32) || text.split('/').length !== 2) {
    throw new Failure('Invalid', `${text} is not an IPv4 range`, { field, remedy: 'write it as in 10.0.0.0/16' })
  }
  const size = 2 ** (32 - prefixLength)
  if (first % size !== 0) {
    const network = formatAddress(first - (first % size))
    throw new Failure('Invalid', `${text} does not begin at the start of its range`, {
      field,
      remedy: `write ${network}/${prefixLength}`,
    })
  }
  return { text, first, last: first + size - 1, prefixLength }
}

/** Whether two ranges share an address. */
export function overlap(one: Range, other: Range): boolean {
  return one.first <= other.last && other.first <= one.last
}

/** Whether an address lies in a range. */
export function contains(range: Range, address: string): boolean {
  const number = parseAddress(address)
  return number !== undefined && number >= range.first && number <= range.last
}

/** The address `offset` places after the first of the range. */
export function addressAt(range: Range, offset: number): string {
  return formatAddress(range.first + offset)
}

/** Which part of a range may be handed out. */
export interface Pool {
  readonly range: Range
  /** Addresses at the beginning that are never handed out. The last one never is either. */
  readonly reserved: number
  /** What the exhaustion message calls the range. */
  readonly name: string
}

/**
 * The next free address after `after`, going round at the end: an address that has just become free is taken last, because neighbours may
 * still remember whom it belonged to. Throws `Exhausted` when there is none.
 */
export function nextFree(pool: Pool, used: ReadonlySet<string>, after: string | undefined): string {
  const lowest = pool.range.first + pool.reserved
  const highest = pool.range.last - 1
  const start = Math.max(lowest, (parseAddress(after ?? '') ?? 0) + 1)
  for (let step = 0, candidate = start; step <= highest - lowest; step++, candidate++) {
    if (candidate > highest) candidate = lowest
    const text = formatAddress(candidate)
    if (!used.has(text)) return text
  }
  throw new Failure('Exhausted', `no address is left in ${pool.name} ${pool.range.text}`, {
    remedy: 'delete what is no longer needed or choose a larger range',
  })
}

/** The ranges that no network may use: the cloud's own, and those with a meaning of their own. */
export function forbiddenRanges(publicRange: Range): readonly { readonly range: Range; readonly meaning: string }[] {
  const known = (text: string, meaning: string) => ({ range: parseRange(text, 'range'), meaning })
  return [
    { range: publicRange, meaning: "the cloud's public network" },
    known('0.0.0.0/8', 'this network'),
    known('127.0.0.0/8', 'loopback'),
    known('169.254.0.0/16', 'link-local addresses and instance metadata'),
    known('224.0.0.0/3', 'multicast and reserved addresses'),
  ]
}

/** Parses the range of a new network; throws `Invalid` when it is too small or lies where it must not. */
export function parseNetworkRange(text: string, publicRange: Range, field: string): Range {
  const range = parseRange(text, field)
  if (range.prefixLength > 28 || range.prefixLength < 8) {
    throw new Failure('Invalid', `${text} is no size for a network`, { field, remedy: 'use a prefix from /8 to /28' })
  }
  const clash = forbiddenRanges(publicRange).find((forbidden) => overlap(forbidden.range, range))
  if (clash === undefined) return range
  throw new Failure('Invalid', `${text} overlaps ${clash.range.text}, ${clash.meaning}`, {
    field,
    remedy: 'choose a private range, as in 10.0.0.0/16',
  })
}
