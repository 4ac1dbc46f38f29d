import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'

/** How often what goes wrong, each between 0 (never) and 1 (always), and how long it lasts. */
export interface FaultRates {
  /** Requests that fail before the server acts. */
  readonly requestFailure: number
  /** Requests whose answer is lost after the server acted. */
  readonly answerLoss: number
  /** Writes that the server refuses although nothing is wrong with them. */
  readonly spuriousConflict: number
  /** Longest time that a request takes on its way there, and again on its way back. */
  readonly latencyMilliseconds: number
  /** Writes at which the process is lost, before or after the server acted. */
  readonly crash: number
  /** Watch events that come late, and all after them with them. */
  readonly watchLag: number
  readonly watchLagMilliseconds: number
  /** Watch events at which the connection breaks, before they are delivered. */
  readonly watchBreak: number
  /** Watches that cannot resume: what they resume from is forgotten. */
  readonly watchGone: number
  /** Watches that, when they resume, tell once more what they told last. */
  readonly watchRepeat: number
  /** Calls of the cloud that fail before it acts. */
  readonly cloudFailure: number
  readonly cloudAnswerLoss: number
  /** Lists of the cloud that miss a server. */
  readonly cloudOversight: number
  /** Deletions that the cloud calls done although it did nothing. */
  readonly cloudLie: number
}

/** No fault at all. */
export const noFaults: FaultRates = {
  requestFailure: 0,
  answerLoss: 0,
  spuriousConflict: 0,
  latencyMilliseconds: 0,
  crash: 0,
  watchLag: 0,
  watchLagMilliseconds: 0,
  watchBreak: 0,
  watchGone: 0,
  watchRepeat: 0,
  cloudFailure: 0,
  cloudAnswerLoss: 0,
  cloudOversight: 0,
  cloudLie: 0,
}

/** The worst of each. */
const worst: FaultRates = {
  requestFailure: 0.15,
  answerLoss: 0.15,
  spuriousConflict: 0.1,
  latencyMilliseconds: 2000,
  crash: 0.03,
  watchLag: 0.2,
  watchLagMilliseconds: 20_000,
  watchBreak: 0.1,
  watchGone: 0.5,
  watchRepeat: 0.7,
  cloudFailure: 0.3,
  cloudAnswerLoss: 0.2,
  cloudOversight: 0.4,
  cloudLie: 0.1,
}

/** Rates of one run. About half of the faults are left out of each, so that rare meetings of few of them are found as well as storms of all. */
export function drawRates(random: Random): FaultRates {
  const entries = Object.entries(worst).map(([name, most]) => {
    const share = random.integer(2) === 0 ? 0 : random.fraction() ** 2
    return [name, name.endsWith('Milliseconds') ? Math.round(most * share) : most * share]
  })
  return Object.fromEntries(entries) as unknown as FaultRates
}

/** Far more writes than anything that ends makes at one instant. */
const mostWritesAtOnce = 1000

/** Which clusters do not answer at all just now. */
export interface Outages {
  control: boolean
  target: boolean
}

/** The faults of a run, as they strike. */
export interface Faults {
  readonly random: Random
  rates(): FaultRates
  /** No fault strikes from now on. */
  cease(): void
  /** Resumes with these rates. */
  resume(rates: FaultRates): void
  readonly outages: Outages
  /** When clusters were last silent. */
  readonly silentUntil: Record<keyof Outages, number>
  /** Whether something with this rate happens now; what does is noted. */
  strikes(rate: keyof FaultRates, what: () => string): boolean
  /** When a fault last struck. */
  lastAt(): number
  /** Notes that something was disturbed now. */
  disturb(): void
  /** Kills the process at one of the writes to come, before or after the server acts; counted from 1. */
  crashAt(write: number, moment: 'before' | 'after'): void
  /** Asked once for every write: when the process is to be lost at it. */
  crashNow(): 'before' | 'after' | undefined
  /** Writes so far. */
  writes(): number
  /** Whether so many writes came at one instant that they would never have ended; the process was lost at the last. */
  stormed(): boolean
}

/** Makes faults out of chance. */
export function createFaults(
  random: Random,
  initial: FaultRates,
  ports: { readonly now: () => number; readonly note: (what: () => string) => void },
): Faults {
  let rates = initial
  let last = ports.now()
  let writes = 0
  let burst = { at: Number.NaN, count: 0 }
  let planned: { readonly write: number; readonly moment: 'before' | 'after' } | undefined
  const disturb = () => {
    last = ports.now()
  }
  const strikes = (rate: keyof FaultRates, what: () => string): boolean => {
    if (rates[rate] === 0 || random.fraction() >= rates[rate]) return false
    disturb()
    ports.note(what)
    return true
  }
  return {
    random,
    rates: () => rates,
    cease: () => {
      rates = noFaults
      planned = undefined
    },
    resume: (next) => {
      rates = next
    },
    outages: { control: false, target: false },
    silentUntil: { control: Number.NEGATIVE_INFINITY, target: Number.NEGATIVE_INFINITY },
    strikes,
    lastAt: () => last,
    disturb,
    crashAt: (write, moment) => {
      planned = { write, moment }
    },
    writes: () => writes,
    stormed: () => burst.count > mostWritesAtOnce,
    crashNow: () => {
      writes++
      burst = burst.at === ports.now() ? { ...burst, count: burst.count + 1 } : { at: ports.now(), count: 1 }
      if (burst.count > mostWritesAtOnce) return 'before'
      if (planned?.write === writes) {
        disturb()
        return planned.moment
      }
      if (!strikes('crash', () => 'the process is lost')) return undefined
      return random.integer(2) === 0 ? 'before' : 'after'
    },
  }
}

/** The fault of a connection that says nothing about what became of the request. */
export function lost(what: string): Failure {
  return new Failure('Unavailable', `simulated: ${what}`)
}
