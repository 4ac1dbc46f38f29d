/** What a tunnel's state comes down to. */
export type Reason =
  | 'connected'
  /** The device or the host is not set up. */
  | 'not-configured'
  /** The name to dial does not resolve. */
  | 'endpoint-unknown'
  /** We dial and nothing usable comes back. */
  | 'no-answer'
  /** We wait and nothing genuine has come. */
  | 'waiting-for-peer'
  /** The other end's handshakes arrive and are genuine, but none completes. */
  | 'handshake-incomplete'
  /** There was a handshake lately, but probes get no answer. */
  | 'probes-unanswered'

/** A reason and what it means for people. */
export interface Diagnosis {
  readonly reason: Reason
  readonly explanation: string
}

/** What a diagnosis is made from. */
export interface Evidence {
  readonly problem: string | undefined
  readonly pathUp: boolean
  readonly role: 'dialer' | 'listener'
  readonly endpointKnown: boolean
  /** Bytes that the device took as genuine since the path was last up. */
  readonly receivedBytesSinceUp: number
  /** Whether a handshake completed since the path was last up (or within the last session's life, when that is later). */
  readonly handshakeSinceUp: boolean
}

const explanations: Readonly<Record<Reason, string>> = {
  connected: 'the other end answers',
  'not-configured': 'the interface is not set up',
  'endpoint-unknown': 'the name of the other end does not resolve',
  'no-answer':
    'the other end does not answer: UDP to it is blocked, it is not running, or one of the two public keys or the preshared key differs between the ends',
  'waiting-for-peer':
    'the other end has not been heard: it is not running, UDP from it is blocked, or one of the two public keys differs between the ends',
  'handshake-incomplete':
    'the other end is heard and holds the right key, but no handshake completes: the preshared key differs between the ends, or UDP back to it is blocked',
  'probes-unanswered':
    'the handshake completed, but nothing answers inside the tunnel: addresses or probe ports differ between the ends, or the other end is starting',
}

/** Names the state of a tunnel from what can be seen on this end. */
export function diagnose(evidence: Evidence): Diagnosis {
  const reason = reasonOf(evidence)
  const detail = reason === 'not-configured' && evidence.problem !== undefined ? `: ${evidence.problem}` : ''
  return { reason, explanation: explanations[reason] + detail }
}

function reasonOf(evidence: Evidence): Reason {
  if (evidence.problem !== undefined) return 'not-configured'
  if (evidence.pathUp) return 'connected'
  if (evidence.handshakeSinceUp) return 'probes-unanswered'
  if (evidence.role === 'listener')
    return evidence.receivedBytesSinceUp > 0 ? 'handshake-incomplete' : 'waiting-for-peer'
  return evidence.endpointKnown ? 'no-answer' : 'endpoint-unknown'
}
