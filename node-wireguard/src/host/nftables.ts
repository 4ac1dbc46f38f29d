import { type Cidr, familyOf, type IpAddress } from '../address.ts'

/** A chain of rules at a hook of the kernel. */
export interface Chain {
  readonly name: string
  readonly hook: string
  readonly rules: readonly string[]
}

/** Interface names as a rule compares with: one, or a set of several, in an order that does not depend on theirs. */
export function quotedNames(names: readonly string[]): string {
  const quoted = [...names].sort().map((name) => `"${name}"`)
  return quoted.length === 1 ? (quoted[0] ?? '') : `{ ${quoted.join(', ')} }`
}

/** The addresses or networks of each family that there are any of. */
export function byFamily<Address extends Cidr | IpAddress>(addresses: readonly Address[]): (readonly Address[])[] {
  return ([4, 6] as const)
    .map((family) => addresses.filter((address) => familyOf(address) === family))
    .filter((group) => group.length > 0)
}

/** A comparison of a packet's source or destination with addresses or networks of one family. */
export function matchAddress(side: 'saddr' | 'daddr', addresses: readonly (Cidr | IpAddress)[]): string {
  return `${familyWord(addresses[0])} ${side} { ${addresses.join(', ')} }`
}

/** What rules call a family. */
export function familyWord(address: Cidr | IpAddress | undefined): 'ip' | 'ip6' {
  return address !== undefined && familyOf(address) === 6 ? 'ip6' : 'ip'
}
