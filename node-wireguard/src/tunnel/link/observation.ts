import type { PeerState } from '../../device.ts'
import type { ResolvedEndpoint } from '../../endpoint.ts'

/** What has been seen of the peer over the whole life of this process, whatever the device forgot meanwhile. */
export interface Observation {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly latestHandshake: number | undefined
  /** Where the peer was last heard from. */
  readonly endpoint: ResolvedEndpoint | undefined
  /** The device's own counters, from which the next difference is taken. */
  readonly counters: { readonly receivedBytes: number; readonly sentBytes: number }
  /** What stood when the path was last up; undefined while it is up. */
  readonly sinceDown: { readonly receivedBytes: number; readonly latestHandshake: number | undefined } | undefined
}

/** Before anything was seen. */
export const nothingObserved: Observation = {
  receivedBytes: 0,
  sentBytes: 0,
  latestHandshake: undefined,
  endpoint: undefined,
  counters: { receivedBytes: 0, sentBytes: 0 },
  sinceDown: { receivedBytes: 0, latestHandshake: undefined },
}

/** The observation after one more look. Totals only grow: a device that was restarted, or a peer that was added anew, counts from zero again. */
export function observe(before: Observation, peer: PeerState | undefined, pathUp: boolean): Observation {
  const counters = { receivedBytes: peer?.receivedBytes ?? 0, sentBytes: peer?.sentBytes ?? 0 }
  const receivedBytes = before.receivedBytes + growth(before.counters.receivedBytes, counters.receivedBytes)
  const sentBytes = before.sentBytes + growth(before.counters.sentBytes, counters.sentBytes)
  const latestHandshake = peer?.latestHandshake ?? before.latestHandshake
  return {
    receivedBytes,
    sentBytes,
    latestHandshake,
    endpoint: peer?.endpoint ?? before.endpoint,
    counters,
    sinceDown: pathUp ? undefined : (before.sinceDown ?? { receivedBytes, latestHandshake }),
  }
}

function growth(before: number, now: number): number {
  return now >= before ? now - before : now
}
