import { isIP } from 'node:net'
import { Failure, InvariantError } from '@trellis/foundation/failure'

/** An IP address in canonical text, without a zone. Made by {@link parseIpAddress} only. */
export type IpAddress = string & { readonly brand: 'IpAddress' }
/** A network in canonical text with its host bits cleared, as in `10.0.0.0/8`. Made by {@link parseCidr} only. */
export type Cidr = string & { readonly brand: 'Cidr' }
/** Which Internet protocol an address belongs to. */
export type Family = 4 | 6

interface Range {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
}

const bitsOf = { 4: 32, 6: 128 } as const

/** Reads an address. Throws `Invalid` that names `field`. */
export function parseIpAddress(text: string, field = 'address'): IpAddress {
  const family = isIP(text)
  if ((family !== 4 && family !== 6) || text.includes('%')) {
    throw new Failure('Invalid', `${JSON.stringify(text.slice(0, 80))} is not an IP address`, {
      field,
      remedy: 'write it as in 192.168.123.1 or fd00::1',
    })
  }
  return print(family, toNumber(text, family)) as IpAddress
}

/** Reads a network or a single address (then the longest prefix); host bits are cleared, as WireGuard does. Throws `Invalid` that names `field`. */
export function parseCidr(text: string, field = 'network'): Cidr {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  const bits = family === 4 || family === 6 ? bitsOf[family] : 0
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1
  const wellFormed = rest.length === 0 && bits !== 0 && length >= 0 && length <= bits && !address.includes('%')
  if (!wellFormed || (family !== 4 && family !== 6)) {
    throw new Failure('Invalid', `${JSON.stringify(text.slice(0, 80))} is not a network`, {
      field,
      remedy: 'write it as in 10.0.0.0/8 or fd00::/64',
    })
  }
  const hostBits = BigInt(bits - length)
  return `${print(family, (toNumber(address, family) >> hostBits) << hostBits)}/${length}` as Cidr
}

/** The network that holds just this address. */
export function hostCidr(address: IpAddress): Cidr {
  return parseCidr(address)
}

/** Which protocol the address or network belongs to. */
export function familyOf(text: IpAddress | Cidr): Family {
  return text.includes(':') ? 6 : 4
}

/** Whether the two networks share an address. */
export function overlap(a: Cidr, b: Cidr): boolean {
  const [one, other] = [rangeOf(a), rangeOf(b)]
  return one.family === other.family && one.first <= other.last && other.first <= one.last
}

/** Whether `inner` lies wholly in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  const [wide, narrow] = [rangeOf(outer), rangeOf(inner)]
  return wide.family === narrow.family && wide.first <= narrow.first && narrow.last <= wide.last
}

/** A network as numbers: its first and last address, how long its prefix is, and how many bits an address of its family has. */
export function addressSpan(cidr: Cidr): {
  readonly first: bigint
  readonly last: bigint
  readonly length: number
  readonly bits: number
} {
  const { first, last, family } = rangeOf(cidr)
  return { first, last, length: Number(cidr.slice(cidr.indexOf('/') + 1)), bits: bitsOf[family] }
}

/** The network of this length that begins at this address, of the same family as the network that it is taken from. */
export function subnetAt(within: Cidr, first: bigint, length: number): Cidr {
  return parseCidr(`${print(familyOf(within), first)}/${length}`)
}

function rangeOf(cidr: Cidr): Range {
  const [address = '', prefix] = cidr.split('/')
  const family = familyOf(cidr)
  const first = toNumber(address, family)
  return { family, first, last: first + (1n << BigInt(bitsOf[family] - Number(prefix))) - 1n }
}

function toNumber(address: string, family: Family): bigint {
  if (family === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(Number(part)), 0n)
  const groups = groupsOf(address)
  if (groups.length !== 8) throw new InvariantError('an IPv6 address does not have eight groups')
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
}

/** The eight groups of an address that `isIP` has accepted. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const before = halfGroups(head)
  if (tail === undefined) return before
  const after = halfGroups(tail)
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

function halfGroups(half: string): number[] {
  if (half === '') return []
  return half.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const value = Number(toNumber(group, 4))
    return [Math.floor(value / 65536), value % 65536]
  })
}

function print(family: Family, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 65535n))
  const gap = longestZeros(groups)
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (gap === undefined) return hex(groups)
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.end))}`
}

/** The longest run of at least two zero groups, the first of several: what `::` stands for. */
function longestZeros(groups: readonly number[]): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (end < groups.length && groups[end] === 0) end++
    if (end - start >= 2 && (best === undefined || end - start > best.end - best.start)) best = { start, end }
    start = Math.max(start, end)
  }
  return best
}
