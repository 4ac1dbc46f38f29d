/** What the probes of one path have shown so far. */
export interface PathState {
  /** Whether an answer has come and fewer than {@link missesUntilDown} questions in a row have gone without one since. */
  readonly up: boolean
  /** Questions in a row without an answer. */
  readonly missedInRow: number
  /** Round trip of the last answer. */
  readonly roundTripMilliseconds: number | undefined
  /** Instant of the last answer. */
  readonly lastAnswer: number | undefined
  /** The last questions, oldest first: which were answered. */
  readonly window: readonly { readonly sequence: number; readonly answered: boolean }[]
}

/** What happens to a path. */
export type PathEvent =
  | { readonly kind: 'asked'; readonly sequence: number }
  | {
      readonly kind: 'answered'
      readonly sequence: number
      readonly now: number
      readonly roundTripMilliseconds: number
    }

/** How many unanswered questions in a row mean that the path is down. */
export const missesUntilDown = 2

const windowLength = 60

/** A path that nobody has asked about. */
export const unknownPath: PathState = {
  up: false,
  missedInRow: 0,
  roundTripMilliseconds: undefined,
  lastAnswer: undefined,
  window: [],
}

/** The state after an event. The question asked last is still open: it counts as missed only when the next is asked. */
export function pathAfter(state: PathState, event: PathEvent): PathState {
  if (event.kind === 'asked') {
    const openIsLate = state.window.at(-1)?.answered === false
    const missedInRow = openIsLate ? state.missedInRow + 1 : 0
    const window = [...state.window, { sequence: event.sequence, answered: false }].slice(-windowLength)
    return { ...state, window, missedInRow, up: state.up && missedInRow < missesUntilDown }
  }
  if (!state.window.some((entry) => entry.sequence === event.sequence)) return state
  return {
    up: true,
    missedInRow: 0,
    roundTripMilliseconds: event.roundTripMilliseconds,
    lastAnswer: event.now,
    window: state.window.map((entry) => (entry.sequence === event.sequence ? { ...entry, answered: true } : entry)),
  }
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
