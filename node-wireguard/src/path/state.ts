/** What the probes of one path have shown so far. */
export interface PathState {
  /** Whether an answer has come, and no silence since that means that the path is down (see {@link pathAfter}). */
  readonly up: boolean
  /** The questions that have gone without an answer since the last one; undefined when there are none. */
  readonly silence: Silence | undefined
  /** Questions in a row without an answer. The one asked last is still open. */
  readonly missedInRow: number
  /** Round trip of the last answer. */
  readonly roundTripMilliseconds: number | undefined
  /** Instant of the last answer. */
  readonly lastAnswer: number | undefined
  /** The last questions, oldest first: which were answered. */
  readonly window: readonly { readonly sequence: number; readonly answered: boolean }[]
}

/** Questions without an answer. */
export interface Silence {
  /** Instant of the first. */
  readonly since: number
  readonly questions: number
}

/** What happens to a path. */
export type PathEvent =
  | {
      readonly kind: 'asked'
      readonly sequence: number
      readonly now: number
      /** Whether there are other signs that the path lives in both directions: packets come in, and the other end has not said that none reach it. */
      readonly signsOfLife?: boolean
    }
  | {
      readonly kind: 'answered'
      readonly sequence: number
      readonly now: number
      readonly roundTripMilliseconds: number
    }

/** How many intervals a silence lasts until the path counts as down. */
const intervalsUntilDown = 2
/** Fewer questions in a silence prove nothing: this process may have stood still, and chance loses some. */
const questionsUntilDown = 6
/** How many questions a silence has at least. */
const questionsOfSilence = 3
/** In how many intervals the path is down whatever other signs there are. */
const intervalsOfPatience = 10
const windowLength = 60

/** A path that nobody has asked about. */
export const unknownPath: PathState = {
  up: false,
  silence: undefined,
  missedInRow: 0,
  roundTripMilliseconds: undefined,
  lastAnswer: undefined,
  window: [],
}

/**
 * The state after an event. A path is down when nothing has been answered for two intervals, though some questions were asked: it takes one answer out of those to stay up, so loss at random does not bring it down,
 * nor does a delay, however long, that leaves the answers coming. While there are other signs of life, as behind a queue that has just filled, an answer may take ten intervals.
 */
export function pathAfter(state: PathState, event: PathEvent, intervalMilliseconds: number): PathState {
  if (event.kind === 'answered') return answered(state, event)
  const { sequence, now, signsOfLife = false } = event
  const silence = { since: state.silence?.since ?? now, questions: (state.silence?.questions ?? 0) + 1 }
  const window = [...state.window, { sequence, answered: false }].slice(-windowLength)
  const down =
    isSilent({ silence }, now, intervalMilliseconds) &&
    silence.questions >= questionsUntilDown &&
    (!signsOfLife || now - silence.since >= intervalsOfPatience * intervalMilliseconds)
  return { ...state, window, silence, missedInRow: silence.questions - 1, up: state.up && !down }
}

function answered(state: PathState, event: Extract<PathEvent, { readonly kind: 'answered' }>): PathState {
  if (!state.window.some((entry) => entry.sequence === event.sequence)) return state
  return {
    up: true,
    silence: undefined,
    missedInRow: 0,
    roundTripMilliseconds: event.roundTripMilliseconds,
    lastAnswer: event.now,
    window: state.window.map((entry) => (entry.sequence === event.sequence ? { ...entry, answered: true } : entry)),
  }
}

/** Whether nothing has been answered for two intervals. */
export function isSilent({ silence }: Pick<PathState, 'silence'>, now: number, intervalMilliseconds: number): boolean {
  return (
    silence !== undefined &&
    silence.questions >= questionsOfSilence &&
    now - silence.since >= intervalsUntilDown * intervalMilliseconds
  )
}

/**
 * How long to wait for the answer to the question just asked before asking again: a full interval when all is well, and much less
 * once an answer is overdue, so that many questions fall into the time after which the path counts as down. Who is down already is asked at leisure.
 */
export function pauseAfterQuestion(
  { up, silence, roundTripMilliseconds }: PathState,
  intervalMilliseconds: number,
): number {
  const shortest = intervalMilliseconds / 5
  if (!up) return intervalMilliseconds
  if (silence === undefined || silence.questions > 1) return shortest
  const due = 2 * (roundTripMilliseconds ?? intervalMilliseconds)
  return Math.min(Math.max(due, shortest), intervalMilliseconds)
}

/** Part of the recent questions that went without an answer, from 0 to 1; the open one is left out. 0 when nothing was asked. */
export function lossRatio(state: PathState): number {
  const closed = state.window.filter((entry, index) => entry.answered || index < state.window.length - 1)
  return closed.length === 0 ? 0 : closed.filter((entry) => !entry.answered).length / closed.length
}

/** How many questions in a row must have been answered before a path that has just come up is trusted as much as others. */
const steadyAnswers = 5

/** Whether the last questions were all answered; the open one is left out. */
export function isSteady({ up, missedInRow, window }: PathState): boolean {
  const closed = window.filter((entry, index) => entry.answered || index < window.length - 1).slice(-steadyAnswers)
  return up && missedInRow === 0 && closed.length === steadyAnswers && closed.every(({ answered }) => answered)
}
