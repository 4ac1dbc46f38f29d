import type { PeerState } from './device.ts'

/** How far the change of a preshared key has got: `pending` while the session of before carries on, `agreed` once a handshake has used the new key, `refused` when no session can be left. */
export type PresharedKeyPhase = 'pending' | 'agreed' | 'refused'

/** A session is not used any longer than this after its handshake. */
const sessionLifetimeMilliseconds = 180_000
/** An end goes on trying a handshake this long, and it begins one when a session is two minutes old and there is something to send. */
export const agreementDeadlineMilliseconds = sessionLifetimeMilliseconds + 90_000

/**
 * Judges the change of a peer's preshared key. A device takes a new one without dropping the session, and asks for it at the next handshake;
 * so both ends can be told one after the other, at best within a minute, and nothing is lost. What the peer state must show is a
 * handshake after the later of the two changes; `changedAt` is when this end was changed. A peer that sends nothing agrees never, so probe it.
 * After `refused` the way back is to set the old key again.
 */
export function presharedKeyPhase(
  peer: Pick<PeerState, 'latestHandshake'>,
  changedAt: number,
  now: number,
): PresharedKeyPhase {
  // Devices behind wg tell whole seconds, so a handshake in the second of the change proves nothing yet.
  if (peer.latestHandshake !== undefined && peer.latestHandshake > changedAt) return 'agreed'
  const sessionEnds = (peer.latestHandshake ?? changedAt) + sessionLifetimeMilliseconds
  return now > sessionEnds && now > changedAt + agreementDeadlineMilliseconds ? 'refused' : 'pending'
}
