/** A promise that was broken: what the simulation looks for. */
export class Breach extends Error {
  override readonly name = 'Breach'
  /** Which promise. */
  readonly invariant: string

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

/** One promise, watched over. */
export interface Invariant {
  /** Looks at the world after each step; throws a {@link Breach}. */
  check(): void
}
