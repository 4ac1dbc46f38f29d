/** Between which sizes a search looks: bytes of a packet inside the tunnel. */
export interface SizeLimits {
  /** Taken for granted, whatever probes say: 1,280 when IPv6 passes, 576 otherwise. */
  readonly floor: number
  /** What is sent until something is known. */
  readonly start: number
  /** The largest that may be tried; the interface must take packets of this size. */
  readonly ceiling: number
}

/** How large packets may be that one end sends through a link, as far as its own probes have shown. */
export interface SizeSearch {
  readonly limits: SizeLimits
  /** The largest packet to send now. */
  readonly size: number
  /** What is tried at the moment; undefined between searches. */
  readonly trial: SizeTrial | undefined
  /** Rounds in a row in which not even the small question was answered: nothing was learned from them. */
  readonly silentRounds: number
  /** When larger sizes are tried again, and the pause before the time after that. */
  readonly raise: { readonly at: number; readonly pauseMilliseconds: number }
}

/** A search that is under way. */
export interface SizeTrial {
  /** The largest size that was answered since the trial began, or the floor. */
  readonly good: number
  /** The smallest size that does not pass: what is sought lies below it. */
  readonly bad: number
  /** Sizes that are asked about in each round, and how often each went unanswered. */
  readonly losses: ReadonlyMap<number, number>
}

/** What happens to a search. */
export type SizeEvent =
  /** Time has passed. */
  | { readonly kind: 'time'; readonly now: number }
  /** A question of this size was answered. */
  | { readonly kind: 'answered'; readonly size: number }
  /** Answers to a round are no longer waited for. `heard`: its smallest question was answered; `lost`: the sizes that were not. */
  | { readonly kind: 'closed'; readonly heard: boolean; readonly lost: readonly number[]; readonly now: number }
  /** The path may be another than before: it came back, or the link changed its transport, and with it perhaps its limits. */
  | { readonly kind: 'changed'; readonly limits: SizeLimits; readonly now: number }

/** What to ask now, and how long to wait before the next round. */
export interface SizeRound {
  readonly sizes: readonly number[]
  readonly pauseMilliseconds: number
}

/** Sizes in between are multiples of this: WireGuard fills packets up to it. */
const stepBytes = 16
/** How many of them one round asks about at most. */
const stepsAtOnce = 6
/** How often a size must go unanswered, while smaller questions of the same rounds are answered, until it counts as too large: one in four packets lost at random looks like that once in a million. */
export const lossesUntilBad = 10
const trialPauseMilliseconds = 100
const checkPauseMilliseconds = 2000
/** Where nobody answers, as an end that does not know these questions, they become rare. */
const longestSilentPauseMilliseconds = 30_000
const raisePauses = { first: 30_000, longest: 600_000 }

/** A search at its beginning: it tries everything between floor and ceiling at once. */
export function beginSizeSearch(limits: SizeLimits, now: number): SizeSearch {
  return {
    limits,
    size: limits.start,
    trial: openTrial(limits.floor, limits.ceiling, [limits.start, limits.ceiling]),
    silentRounds: 0,
    raise: { at: now + raisePauses.first, pauseMilliseconds: raisePauses.first },
  }
}

/**
 * The search after an event. A size is raised by the first answer to a larger question, since an answer proves it, and lowered only when packets of
 * that size keep getting lost while smaller ones pass. Loss that strikes all sizes alike changes nothing, nor does a path on which nothing passes.
 */
export function sizeSearchAfter(search: SizeSearch, event: SizeEvent): SizeSearch {
  switch (event.kind) {
    case 'time':
      return raised(search, event.now)
    case 'answered':
      return answered(search, event.size)
    case 'closed':
      return closed(search, event)
    case 'changed':
      return changed(search, event)
  }
}

/** What to ask in the next round. Between searches that is the current size alone, now and then. */
export function sizeRoundOf({ trial, size, silentRounds }: SizeSearch): SizeRound {
  if (trial === undefined) return { sizes: [size], pauseMilliseconds: checkPauseMilliseconds }
  const pause = trialPauseMilliseconds * 2 ** Math.max(0, silentRounds - lossesUntilBad)
  return { sizes: [...trial.losses.keys()], pauseMilliseconds: Math.min(pause, longestSilentPauseMilliseconds) }
}

function raised(search: SizeSearch, now: number): SizeSearch {
  const { trial, size, limits, raise } = search
  if (trial !== undefined || size >= limits.ceiling || now < raise.at) return search
  const pauseMilliseconds = Math.min(2 * raise.pauseMilliseconds, raisePauses.longest)
  return {
    ...search,
    trial: openTrial(size, limits.ceiling, [limits.start, limits.ceiling]),
    raise: { at: now + pauseMilliseconds, pauseMilliseconds },
  }
}

function answered(search: SizeSearch, size: number): SizeSearch {
  const { trial, limits } = search
  const heard = { ...search, silentRounds: 0 }
  if (trial === undefined || size <= trial.good || size > limits.ceiling) return heard
  const losses = new Map([...trial.losses].filter(([open]) => open > size))
  // What was found too large a moment ago and passes now was found so by mistake.
  const bad = size < trial.bad ? trial.bad : limits.ceiling + 1
  return narrowed({ ...heard, size: Math.max(search.size, size), trial: { good: size, bad, losses } })
}

function closed(search: SizeSearch, event: Extract<SizeEvent, { readonly kind: 'closed' }>): SizeSearch {
  const { trial } = search
  if (trial === undefined) return event.lost.includes(search.size) ? doubted(search, event.now) : search
  if (!event.heard) return { ...search, silentRounds: search.silentRounds + 1 }
  const counted = [...trial.losses].map(
    ([open, count]) => [open, event.lost.includes(open) ? count + 1 : count] as const,
  )
  const tooLarge = counted.filter(([, count]) => count >= lossesUntilBad).map(([open]) => open)
  const bad = Math.min(trial.bad, ...tooLarge)
  const losses = new Map(counted.filter(([open]) => open < bad))
  return narrowed({ ...search, silentRounds: 0, trial: { ...trial, bad, losses } })
}

/** One lost packet may be chance; a trial finds out, and asks about the size itself too. If it was not, larger sizes are tried again soon. */
function doubted(search: SizeSearch, now: number): SizeSearch {
  const { size, limits, raise } = search
  const trial = openTrial(limits.floor, size, [size])
  if (trial === undefined) return search
  const at = Math.min(raise.at, now + raisePauses.first)
  return { ...search, trial, raise: { at, pauseMilliseconds: raisePauses.first } }
}

function changed(search: SizeSearch, { limits, now }: Extract<SizeEvent, { readonly kind: 'changed' }>): SizeSearch {
  const size = Math.min(Math.max(search.size, limits.floor), limits.ceiling)
  return {
    ...beginSizeSearch(limits, now),
    size,
    trial: openTrial(limits.floor, limits.ceiling, [size, limits.start, limits.ceiling]),
  }
}

/** Goes on between the sizes that are known by now, when the open ones are all decided; ends the trial when nothing lies between. */
function narrowed(search: SizeSearch): SizeSearch {
  const { trial } = search
  if (trial === undefined) return search
  const size = search.size < trial.bad ? search.size : trial.good
  if (trial.losses.size > 0) return { ...search, size }
  const next = openTrial(trial.good, trial.bad - 1, [size, search.limits.start])
  return { ...search, size: next === undefined ? trial.good : size, trial: next }
}

/** A trial of sizes above `good` up to `most`; undefined when there are none. */
function openTrial(good: number, most: number, others: readonly number[]): SizeTrial | undefined {
  const sizes = sizesBetween(good, most, others)
  return sizes.length === 0 ? undefined : { good, bad: most + 1, losses: new Map(sizes.map((size) => [size, 0])) }
}

/** Sizes above `good` up to `most`, ascending: a few multiples of the step, evenly spread, and those of the others that lie within. */
function sizesBetween(good: number, most: number, others: readonly number[]): readonly number[] {
  const first = (Math.floor(good / stepBytes) + 1) * stepBytes
  const count = Math.max(0, Math.floor((most - first) / stepBytes) + 1)
  const steps = Array.from({ length: count }, (_, index) => first + index * stepBytes)
  const every = Math.ceil(count / stepsAtOnce)
  const spread = steps.filter((_, index) => (count - 1 - index) % every === 0)
  const within = others.filter((size) => size > good && size <= most)
  return [...new Set([...spread, ...within])].sort((a, b) => a - b)
}
