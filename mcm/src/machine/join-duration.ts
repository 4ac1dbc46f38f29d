import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { Clock } from '@trellis/foundation/clock'
import { formatDuration } from '../common/duration.ts'
import { createdAt, phaseOf } from './phase.ts'

/**
 * How long a machine took from its creation to its first being a healthy node, as the annotation is to say; undefined while it says so already or nobody knows.
 * Read off the machine's story, so that it is not lost with the process that saw it.
 */
export function joinDurationOf(machine: Machine): string | undefined {
  const said = machine.metadata.annotations?.[machineAnnotations.joinDuration]
  if (said !== undefined || phaseOf(machine) !== 'Running') return undefined
  const joined = machine.status?.history?.find(({ phase }) => phase === 'Running')
  const at = Date.parse(joined?.time ?? '')
  return Number.isNaN(at) ? undefined : formatDuration(at - createdAt(machine))
}

/** Spreads writes that may wait over time. */
export interface Pacer {
  /** The instant of the next write that may take place; each is given out once. */
  next(): number
}

/** Makes a pacer: some writes at once, the others far apart. */
export function createPacer(
  clock: Clock,
  { burst, everyMilliseconds }: { readonly burst: number; readonly everyMilliseconds: number },
): Pacer {
  let free = 0
  return {
    next: () => {
      const now = clock.now()
      free = Math.max(free, now - (burst - 1) * everyMilliseconds)
      const at = Math.max(now, free)
      free += everyMilliseconds
      return at
    },
  }
}
