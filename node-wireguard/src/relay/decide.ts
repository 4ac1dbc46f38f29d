/**
 * How a link's datagrams travel. `udp`: straight from device to device. `tls`: inside TLS, by the relay. `returning`: UDP again, but whatever still passes
 * through the relay is carried by its own UDP socket.
 */
export type TransportWay = 'udp' | 'tls' | 'returning'

/** What is remembered between decisions. */
export interface TransportMemory {
  readonly way: TransportWay
  /** Instant since which it is so. */
  readonly since: number
  /** Instant at which UDP last came back because it was seen to work; undefined when it never went away. */
  readonly returnedAt?: number
  /** How often in a row UDP was left again soon after it had come back. */
  readonly failedReturns: number
}

/** What a decision is made from. */
export interface TransportFacts {
  readonly now: number
  /** Instant of the first of the link's questions that have gone without an answer since the last answer; undefined when none has. */
  readonly unansweredSince: number | undefined
  readonly relay: 'absent' | 'dialling' | 'connected'
  /** Whether the relay has seen UDP work both ways since TLS carries. */
  readonly udpWorks: boolean
  /** Instant at which the relay last passed a datagram; undefined when it never has. */
  readonly relayUsedAt: number | undefined
}

/** What is to be. */
export interface TransportDecision {
  readonly memory: TransportMemory
  /** Whether a relay should run and be connected. */
  readonly relayWanted: boolean
  /** How often the relay tries UDP; 0 for never. */
  readonly tryUdpEveryMilliseconds: number
}

/** Where a link begins. */
export const freshTransport = (now: number): TransportMemory => ({ way: 'udp', since: now, failedReturns: 0 })

/** A connection takes a moment, so it is begun before it is needed. */
const dialAfterMilliseconds = 1500
/** A restarted end is found again by UDP before this. */
const leaveUdpAfterMilliseconds = 3000
/** When TLS brings no answer either, UDP has its turn again. */
const leaveTlsAfterMilliseconds = 10_000
/** A relay through which nothing has passed for so long is not needed any more. */
const relayIdleMilliseconds = 10_000
/** UDP that goes away again this soon was not worth coming back to. */
const soonMilliseconds = 60_000
const tryFirstMilliseconds = 2000
const tryLongestMilliseconds = 60_000

/** Decides how a link's datagrams travel from now on: by UDP whenever that works, by TLS when it does not. */
export function decideTransport(memory: TransportMemory, facts: TransportFacts): TransportDecision {
  const next = wayAfter(memory, facts)
  const after = next === memory.way ? memory : enter(memory, next, facts)
  return {
    memory: after,
    relayWanted: after.way !== 'udp' || silence(facts) >= dialAfterMilliseconds,
    tryUdpEveryMilliseconds:
      after.way === 'tls' ? Math.min(tryFirstMilliseconds * 2 ** after.failedReturns, tryLongestMilliseconds) : 0,
  }
}

function wayAfter({ way, since }: TransportMemory, facts: TransportFacts): TransportWay {
  const silent = Math.min(silence(facts), facts.now - since)
  if (way === 'tls') {
    if (facts.udpWorks) return 'returning'
    const patience = facts.relay === 'connected' ? leaveTlsAfterMilliseconds : leaveUdpAfterMilliseconds
    return silent >= patience ? 'returning' : 'tls'
  }
  if (silent >= leaveUdpAfterMilliseconds && facts.relay === 'connected') return 'tls'
  return way === 'returning' && relayIsIdle(since, facts) && facts.unansweredSince === undefined ? 'udp' : way
}

function relayIsIdle(since: number, { now, relayUsedAt, relay }: TransportFacts): boolean {
  return relay === 'absent' || now - Math.max(relayUsedAt ?? since, since) >= relayIdleMilliseconds
}

function silence({ now, unansweredSince }: TransportFacts): number {
  return unansweredSince === undefined ? 0 : now - unansweredSince
}

function enter(memory: TransportMemory, way: TransportWay, { now, udpWorks }: TransportFacts): TransportMemory {
  const entered = { ...memory, way, since: now }
  if (way === 'returning') return udpWorks ? { ...entered, returnedAt: now } : entered
  if (way === 'udp') return entered
  const soon = memory.returnedAt !== undefined && now - memory.returnedAt < soonMilliseconds
  return { ...entered, failedReturns: soon ? memory.failedReturns + 1 : 0 }
}
