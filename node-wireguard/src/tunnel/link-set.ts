import type { Log } from '@trellis/foundation/log'
import type { Cidr } from '../address.ts'
import type { LinkStatus } from './link/link-status.ts'
import type { RunningLink } from './link/running-link.ts'
import { carriersOf, type RankedLink, rankLinks } from './ranking.ts'

/** The links of one end, and which of them carries what. */
export interface LinkSet {
  all(): readonly RunningLink[]
  add(links: readonly RunningLink[]): void
  remove(link: RunningLink): void
  /** Which link leads to each destination. */
  carriers(): ReadonlyMap<Cidr, string>
  /** By which home at the other end each destination is reached; those of which it is not known are left out. */
  homes(): ReadonlyMap<Cidr, string>
  /** Decides anew which link carries what. Says whether a route has to move. */
  decide(): boolean
  /** Tells the links, and through them the other ends, which of them carry, once the routes are so. */
  announce(): void
  /** How often a destination has moved. */
  switches(): number
  /** Best first. */
  statuses(): readonly LinkStatus[]
}

/** Makes an empty set. */
export function createLinkSet(log: Log): LinkSet {
  const links: RunningLink[] = []
  let carriers: ReadonlyMap<Cidr, string> = new Map()
  let switches = 0
  // What is decided counts at once, though the other end hears of it later.
  const rankOf = (link: RunningLink): RankedLink => ({
    ...link.ranked(),
    carries: [...carriers.values()].includes(link.interfaceName),
  })
  return {
    all: () => [...links],
    add: (more) => void links.push(...more),
    remove: (link) => void links.splice(links.indexOf(link), 1),
    carriers: () => carriers,
    homes: () => {
      const homes = new Map<Cidr, string>()
      for (const [destination, name] of carriers) {
        const home = links.find(({ interfaceName }) => interfaceName === name)?.other()?.home
        if (home !== undefined) homes.set(destination, home)
      }
      return homes
    },
    switches: () => switches,
    decide: () => {
      const before = carriers
      carriers = carriersOf(links.map(rankOf))
      const moved = [...carriers].filter(([destination, name]) => (before.get(destination) ?? name) !== name)
      if (moved.length > 0) {
        switches++
        log.info({ by: [...new Set(moved.map(([, name]) => name))] }, 'the way to the other end has changed')
      }
      return moved.length > 0
    },
    announce: () => {
      const carrying = new Set(carriers.values())
      for (const link of links) link.setCarries(carrying.has(link.interfaceName))
    },
    statuses: () =>
      rankLinks(links.map(rankOf)).flatMap((name) =>
        links.filter((link) => link.interfaceName === name).map((link) => link.status()),
      ),
  }
}
