import type { OvershootSettings } from './overshoot.ts'

/** How the safety controllers are set; from the flags. */
export interface SafetySettings {
  readonly overshoot: OvershootSettings & {
    /** Sets are counted anew this often, beside every change. */
    readonly periodMilliseconds: number
  }
  readonly apiServer: ApiServerSafetySettings
}

/** When API servers count as down. */
export interface ApiServerSafetySettings {
  /** An API server that has not answered for longer is down. */
  readonly timeoutMilliseconds: number
  /** A server of which nothing was heard for this long is asked. */
  readonly periodMilliseconds: number
}

/** What the flags' defaults amount to. */
export const usualSafety: SafetySettings = {
  overshoot: { safetyUp: 2, safetyDown: 1, periodMilliseconds: 60_000 },
  apiServer: { timeoutMilliseconds: 30_000, periodMilliseconds: 60_000 },
}
