/** First UDP port of every front door's tunnel. */
const firstPort = 51_820

/** UDP port of a front door for all shoots. */
export const tunnelDoorPort = firstPort

/** TCP port of every front door by which the tunnel comes in where UDP is blocked. */
export const relayPort = 443
/** TCP port of the tunnel's end in the seed for that. */
export const relayTargetPort = 8443

/** UDP port of a link: two generations of keys may be in use at once, each by a port of its own. */
export function linkPort(replica: number, generation: number): number {
  return firstPort + 2 * replica + (generation % 2)
}

/** UDP ports that the front door of a tunnel with so many replicas has. */
export function tunnelPorts(replicas: number): readonly number[] {
  return Array.from({ length: replicas }, (_, replica) => [linkPort(replica, 0), linkPort(replica, 1)]).flat()
}
