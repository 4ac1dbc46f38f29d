import type { Cidr } from '../address.ts'

/** A link as far as its rank goes. */
export interface RankedLink {
  readonly interfaceName: string
  /** Whether the other end answers. */
  readonly up: boolean
  /** Whether it has answered several times in a row without a miss. */
  readonly steady: boolean
  /** Whether the configuration has it no longer, or its other end is about to stop. */
  readonly outgoing: boolean
  /** Whether something leads through it now. */
  readonly carries: boolean
  /** What lies behind it. */
  readonly destinations: readonly Cidr[]
}

/**
 * Interface names, best first: what answers before what does not, what stays before what goes, what has proved itself before what has just come. A
 * link that carries and answers is not left for another that is no better, so that nothing moves without need.
 */
export function rankLinks(links: readonly RankedLink[]): readonly string[] {
  return links
    .map((link, index) => ({ link, index, standing: standingOf(link) }))
    .sort((a, b) => a.standing - b.standing || Number(b.link.carries) - Number(a.link.carries) || a.index - b.index)
    .map(({ link }) => link.interfaceName)
}

/** Which link leads to each destination: the best of those that have it. */
export function carriersOf(links: readonly RankedLink[]): ReadonlyMap<Cidr, string> {
  const carriers = new Map<Cidr, string>()
  for (const name of rankLinks(links)) {
    for (const destination of links.find(({ interfaceName }) => interfaceName === name)?.destinations ?? []) {
      if (!carriers.has(destination)) carriers.set(destination, name)
    }
  }
  return carriers
}

function standingOf({ up, steady, outgoing, carries }: RankedLink): number {
  if (!up) return outgoing ? 4 : 3
  if (outgoing) return 1
  return steady || carries ? 0 : 2
}

/** What is known of a link that the configuration has no longer. */
export interface OutgoingLink {
  readonly now: number
  /** When the configuration lost it. */
  readonly since: number
  readonly up: boolean
  readonly carries: boolean
  /** Whether the other end says that what it sends leads through this link; undefined when it was never heard. */
  readonly otherCarries: boolean | undefined
}

const settleMilliseconds = 2000
const longestMilliseconds = 600_000

/**
 * Whether an outgoing link can be closed: neither end sends by it, and what was under way has arrived. One that is the only way stays for ten
 * minutes; longer, an old key is not trusted.
 */
export function closingDue({ now, since, up, carries, otherCarries }: OutgoingLink): boolean {
  if (now - since >= longestMilliseconds) return true
  if (now - since < settleMilliseconds || carries) return false
  return !up || otherCarries !== true
}
