import ipaddr from 'ipaddr.js'

/** A range of IPv4 addresses. */
export interface Cidr {
  /** The first address, as a number of 32 bits. */
  readonly first: number
  /** The last address, as a number of 32 bits. */
  readonly last: number
  readonly prefixLength: number
  /** The range as it should be written. */
  readonly text: string
}

/** Reads an IPv4 range such as `10.250.0.0/16`; undefined when it is none. Bits behind the prefix are ignored: see {@link Cidr.text}. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, prefix, ...rest] = text.split('/')
  if (address === undefined || prefix === undefined || rest.length > 0) return undefined
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) || !/^(0|[1-9]\d?)$/.test(prefix)) return undefined
  const prefixLength = Number(prefix)
  if (prefixLength > 32) return undefined
  const number = ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0)
  const size = 2 ** (32 - prefixLength)
  const first = number - (number % size)
  return { first, last: first + size - 1, prefixLength, text: `${addressText(first)}/${prefixLength}` }
}

/** Whether two ranges have an address in common. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.first <= b.last && b.first <= a.last
}

/** The address `offset` places behind the first of the range, as text; undefined when it lies outside. */
export function addressIn(range: Cidr, offset: number): string | undefined {
  const address = range.first + offset
  return offset < 0 || address > range.last ? undefined : addressText(address)
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}
