import { isSilent, type PathState } from '../../path/state.ts'

/**
 * Whether this repair in a row should also leave by a new source port. A translator on the way keeps sending a flow where it once led, even to
 * somebody who is gone, for as long as packets come; only a new flow is sent anew.
 */
export function newPortDue(repairsInRow: number): boolean {
  return repairsInRow % 3 === 0
}

/**
 * Whether a dialling end should add its peer anew now, which makes the device begin a handshake with the next packet instead of waiting
 * up to two minutes for its own timers. Not again within the time that a handshake and a probe take.
 */
export function repairDue(
  path: PathState,
  lastRepair: number | undefined,
  now: number,
  intervalMilliseconds: number,
): boolean {
  if (path.up || !isSilent(path, now, intervalMilliseconds)) return false
  return lastRepair === undefined || now - lastRepair >= Math.max(1000, 2 * intervalMilliseconds)
}
