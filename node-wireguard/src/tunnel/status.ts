import type { LinkStatus } from './link/link-status.ts'

/** A tunnel as people and programs see it. No secret is in it. */
export interface TunnelStatus {
  readonly name: string
  readonly tunnelAddresses: readonly string[]
  /** Whether devices and host are set up. */
  readonly configured: boolean
  /** Whether everything behind the other ends can be reached: some link answers for each destination. */
  readonly up: boolean
  /** Links by which another end answers. */
  readonly linksUp: number
  /** That of the link that carries, or of the best there is. */
  readonly reason: LinkStatus['reason']
  readonly explanation: string
  /** How often a destination was moved to another link. */
  readonly switches: number
  /** Best first. */
  readonly links: readonly LinkStatus[]
}

/** What a tunnel's status is made from. */
export interface TunnelStatusSources {
  readonly name: string
  readonly tunnelAddresses: readonly string[]
  /** Why the host is not set up; undefined when it is. */
  readonly hostProblem: string | undefined
  /** Best first. */
  readonly links: readonly LinkStatus[]
  readonly switches: number
}

/** Puts a status together. */
export function statusOf({ name, tunnelAddresses, hostProblem, links, switches }: TunnelStatusSources): TunnelStatus {
  const configured = hostProblem === undefined && links.some((link) => link.configured)
  const carriers = links.filter(({ carries }) => carries)
  const worst = carriers.find((link) => !link.up) ?? carriers[0] ?? links[0]
  const linksUp = links.filter((link) => link.up).length
  const base = { name, tunnelAddresses, switches, links, linksUp, configured }
  if (hostProblem !== undefined || worst === undefined) {
    const explanation = `the host is not set up: ${hostProblem ?? 'there is no link'}`
    return { ...base, up: false, reason: 'not-configured', explanation }
  }
  const up = configured && carriers.length > 0 && carriers.every((link) => link.up)
  return { ...base, up, reason: worst.reason, explanation: worst.explanation }
}
