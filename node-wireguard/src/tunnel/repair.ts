import { missesUntilDown, type PathState } from '../path/state.ts'

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
  if (path.missedInRow < missesUntilDown) return false
  return lastRepair === undefined || now - lastRepair >= Math.max(1000, missesUntilDown * intervalMilliseconds)
}
