import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'

/** A class of which the cloud has no more servers for now. */
export interface AvoidedClass {
  readonly className: string
  readonly until: number
  /** The cloud's words. */
  readonly reason: string
}

/** Whether a machine may ask the cloud for a server. */
export type Admission = { readonly kind: 'ask' } | { readonly kind: 'wait'; readonly milliseconds: number }

/**
 * Which classes are exhausted, and whose turn it is to ask again. After a refusal nobody asks for a server of that class for a while, ever longer,
 * and then one machine does; each server that is made lets twice as many ask. Losing this memory costs a call of the cloud, never correctness.
 */
export interface Shortages {
  admit(className: string, version: string, machine: string): Admission
  /** Whether one more machine could ask for a server of the class now. */
  open(className: string): boolean
  /** The class as long as it is avoided. */
  avoided(className: string): AvoidedClass | undefined
  /** All classes that are avoided, by name. */
  all(): readonly AvoidedClass[]
  /** The cloud has no server: the class is avoided until the instant returned. */
  refused(
    className: string,
    refusal: { readonly version: string; readonly machine: string; readonly error: unknown },
  ): number
  made(className: string, machine: string): void
  /** The machine no longer asks for a server of any class, or failed for another reason. */
  leave(machine: string): void
  /** A server is gone: of each class that is avoided one machine may ask at once. */
  relieve(): void
  /** Hears of machines that may ask now. */
  onTurn(listener: (machine: string) => void): void
}

interface Shortage {
  readonly version: string
  failures: number
  until: number
  reason: string
  /** Machines that may ask at the same time. */
  window: number
  /** Whether one may ask before the time. */
  probe: boolean
  readonly asking: Set<string>
  readonly parked: Set<string>
}

/** A machine that waits for others' answers looks again after this long, should it never be called. */
const turnMilliseconds = 30_000

/** Makes the memory. */
export function createShortages(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  longestMilliseconds: number,
): Shortages {
  const shortages = new Map<string, Shortage>()
  const listeners = new Set<(machine: string) => void>()
  const backoff = { firstMilliseconds: Math.min(15_000, longestMilliseconds), longestMilliseconds }

  const call = (shortage: Shortage) => {
    const turns = Math.max(0, shortage.window - shortage.asking.size)
    for (const machine of [...shortage.parked].slice(0, turns)) for (const listener of listeners) listener(machine)
  }
  const viewOf = (className: string, { until, reason }: Shortage): AvoidedClass => ({ className, until, reason })
  const isAvoided = (shortage: Shortage) => clock.now() < shortage.until
  const retire = (className: string, shortage: Shortage) => {
    if (!isAvoided(shortage) && shortage.parked.size + shortage.asking.size === 0) shortages.delete(className)
  }
  return {
    admit: (className, version, machine) => {
      const shortage = shortages.get(className)
      // A changed class or secret may mean another stock, or more quota.
      if (shortage === undefined || shortage.version !== version) {
        shortages.delete(className)
        return { kind: 'ask' }
      }
      if (shortage.asking.has(machine)) return { kind: 'ask' }
      const waits = isAvoided(shortage) && !shortage.probe
      if (waits || shortage.asking.size >= shortage.window) {
        shortage.parked.add(machine)
        return { kind: 'wait', milliseconds: waits ? shortage.until - clock.now() : turnMilliseconds }
      }
      shortage.probe = false
      shortage.parked.delete(machine)
      shortage.asking.add(machine)
      return { kind: 'ask' }
    },
    open: (className) => {
      const shortage = shortages.get(className)
      return shortage === undefined || (!isAvoided(shortage) && shortage.asking.size < shortage.window)
    },
    avoided: (className) => {
      const shortage = shortages.get(className)
      return shortage === undefined || !isAvoided(shortage) ? undefined : viewOf(className, shortage)
    },
    all: () =>
      [...shortages]
        .filter(([, shortage]) => isAvoided(shortage))
        .map(([className, shortage]) => viewOf(className, shortage))
        .sort((left, right) => (left.className < right.className ? -1 : 1)),
    refused: (className, { version, machine, error }) => {
      const before = shortages.get(className)
      const shortage = before?.version === version ? before : emptyShortage(version)
      shortages.set(className, shortage)
      shortage.asking.delete(machine)
      shortage.parked.add(machine)
      // Machines that had asked before the first refusal was known say nothing new.
      if (!isAvoided(shortage)) shortage.failures++
      const asked = isFailure(error) ? (error.retryAfterMilliseconds ?? 0) : 0
      const until = clock.now() + Math.max(asked, pauseMilliseconds(backoff, shortage.failures, random))
      shortage.until = Math.max(shortage.until, until)
      shortage.reason = describe(error)
      shortage.window = 1
      shortage.probe = false
      return shortage.until
    },
    made: (className, machine) => {
      const shortage = shortages.get(className)
      if (shortage === undefined) return
      if (!shortage.asking.delete(machine)) return
      shortage.parked.delete(machine)
      shortage.failures = 0
      shortage.until = clock.now()
      shortage.window *= 2
      call(shortage)
      retire(className, shortage)
    },
    leave: (machine) => {
      for (const [className, shortage] of shortages) {
        const asked = shortage.asking.delete(machine)
        shortage.parked.delete(machine)
        if (asked && !isAvoided(shortage)) call(shortage)
        retire(className, shortage)
      }
    },
    relieve: () => {
      for (const shortage of shortages.values()) {
        if (!isAvoided(shortage) || shortage.asking.size > 0 || shortage.parked.size === 0) continue
        shortage.probe = true
        shortage.window = 1
        call(shortage)
      }
    },
    onTurn: (listener) => void listeners.add(listener),
  }
}

function emptyShortage(version: string): Shortage {
  return { version, failures: 0, until: 0, reason: '', window: 1, probe: false, asking: new Set(), parked: new Set() }
}
