import type { Clock } from '@trellis/foundation/clock'
import { beginSizeSearch, type SizeEvent, type SizeLimits, sizeRoundOf, sizeSearchAfter } from './size-search.ts'

/** What looking for the size of a path takes. */
export interface SizeProberOptions {
  readonly clock: Clock
  readonly limits: SizeLimits
  /** Sends a filled question whose packet has this size inside the tunnel, or the smallest that there is when undefined, and returns the number by which its answer is known. */
  readonly ask: (size: number | undefined) => number
  /** Called with each size that packets may have from now on, but not with the one at the start. */
  readonly onSize: (size: number) => void
  readonly signal: AbortSignal
}

/** Looks for the size of a path until the signal aborts. */
export interface SizeProber {
  /** The largest packet that may be sent now. */
  size(): number
  /** Takes an answer; whether it was one to a question of this prober. */
  answered(sequence: number): boolean
  /** The path may be another than before; with limits that hold from now on, when they are others. */
  changed(limits?: SizeLimits): void
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
}

/** How long the smallest question's answer is waited for. The others may take twice as long as that did: behind a full queue they come later, and are not lost. */
const patienceMilliseconds = 1000

interface Round {
  readonly askedAt: number
  /** After how long the smallest question was answered. */
  heardAfter?: number
  /** Sequence numbers of the questions that are still open, and the sizes they have. */
  readonly open: Map<number, number | undefined>
}

/** Starts looking. What is decided stands in `size-search.ts`; this asks, listens and waits. */
export function startSizeProber(options: SizeProberOptions): SizeProber {
  const { clock, signal, ask } = options
  let limits = options.limits
  let search = beginSizeSearch(limits, clock.now())
  const rounds = new Set<Round>()
  let wake = () => {}

  function happen(event: SizeEvent): void {
    const before = search.size
    search = sizeSearchAfter(search, event)
    if (search.size !== before) options.onSize(search.size)
  }

  function close(round: Round): void {
    rounds.delete(round)
    const open = [...round.open.values()]
    const lost = open.filter((size) => size !== undefined)
    if (!signal.aborted) happen({ kind: 'closed', heard: lost.length === open.length, lost, now: clock.now() })
  }

  function closeInTime(round: Round): void {
    const more = 2 * (round.heardAfter ?? 0) - patienceMilliseconds
    if (more > 0) clock.setTimer(more, () => close(round))
    else close(round)
  }

  async function look(): Promise<void> {
    while (!signal.aborted) {
      happen({ kind: 'time', now: clock.now() })
      const { sizes, pauseMilliseconds } = sizeRoundOf(search)
      const askedAt = clock.now()
      const round: Round = { askedAt, open: new Map([undefined, ...sizes].map((size) => [ask(size), size])) }
      rounds.add(round)
      clock.setTimer(patienceMilliseconds, () => closeInTime(round))
      await pause(pauseMilliseconds)
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    const woken = new AbortController()
    wake = () => woken.abort()
    await clock.sleep(milliseconds, AbortSignal.any([signal, woken.signal])).catch(() => {})
  }

  return {
    size: () => search.size,
    answered: (sequence) => {
      const round = [...rounds].find(({ open }) => open.has(sequence))
      const size = round?.open.get(sequence)
      round?.open.delete(sequence)
      if (size !== undefined) happen({ kind: 'answered', size })
      else if (round !== undefined) round.heardAfter = clock.now() - round.askedAt
      return round !== undefined
    },
    changed: (others = limits) => {
      limits = others
      happen({ kind: 'changed', limits, now: clock.now() })
      wake()
    },
    ended: look(),
  }
}
