/** First UDP port of every front door's tunnel. */
const firstPort = 51_820

/** UDP port of a front door for all shoots. */
export const tunnelDoorPort = firstPort

/** TCP port of every front door by which the tunnel comes in where UDP is blocked. */
export const relayPort = 443
/** TCP port of the tunnel's end in the seed for that. */
export const relayTargetPort = 8443

/** Which ends a link joins, and by which keys. Both replicas are counted from 0. */
export interface LinkPlace {
  /** Of the API server, or of the tunnel's end that has a pod of its own. */
  readonly seedReplica: number
  /** Of vpn-shoot. */
  readonly shootReplica: number
  /** Of the keys; two that follow each other may be in use at once. */
  readonly generation: number
}

/** How many slots each replica in the seed has: room for four of vpn-shoot, so that none of the others' links ever moves. */
const slotsOfSeedReplica = 8

/** Number of a link among all that a tunnel may have at once: its port and its addresses follow from it. */
export function linkSlot({ seedReplica, shootReplica, generation }: LinkPlace): number {
  return slotsOfSeedReplica * seedReplica + 2 * shootReplica + (generation % 2)
}

/** UDP port of a link: two generations of keys may be in use at once, each by a port of its own. */
export function linkPort(place: LinkPlace): number {
  return firstPort + linkSlot(place)
}

/** UDP ports on which a replica in the seed waits for so many replicas of vpn-shoot. */
export function tunnelPorts(shootReplicas: number, seedReplica = 0): readonly number[] {
  return upTo(shootReplicas).flatMap((shootReplica) =>
    [0, 1].map((generation) => linkPort({ seedReplica, shootReplica, generation })),
  )
}

/** UDP ports of all replicas in the seed. */
export function allTunnelPorts({ tunnelReplicas, apiServerReplicas }: TunnelSize): readonly number[] {
  return upTo(apiServerReplicas).flatMap((seedReplica) => tunnelPorts(tunnelReplicas, seedReplica))
}

/** How many replicas a tunnel has on both sides. */
export interface TunnelSize {
  /** Of vpn-shoot. */
  readonly tunnelReplicas: number
  /** Of the API server; each has an end of the tunnel. */
  readonly apiServerReplicas: number
}

/** All links that a tunnel of this size has by keys of these generations: each API server is joined with each replica of vpn-shoot. */
export function linkPlaces(
  size: TunnelSize,
  generations: readonly { readonly number: number }[],
): readonly LinkPlace[] {
  return upTo(size.apiServerReplicas).flatMap((seedReplica) =>
    upTo(size.tunnelReplicas).flatMap((shootReplica) =>
      generations.map(({ number: generation }) => ({ seedReplica, shootReplica, generation })),
    ),
  )
}

/** Name of a replica of a workload each replica of which is a Deployment of its own: the first has the workload's own. */
export function replicaName(workload: string, replica: number): string {
  return replica === 0 ? workload : `${workload}-${replica}`
}

/** The numbers of so many replicas. */
export function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}
