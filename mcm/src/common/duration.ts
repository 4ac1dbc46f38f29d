import { Failure } from '@trellis/foundation/failure'

const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Milliseconds of a duration in Go's notation, as in `1h30m`, `1.5s` or `0`. Throws `Invalid` that names `field`. */
export function parseDuration(text: string, field: string): number {
  const match = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text)
  if (text === '0') return 0
  if (match === null) {
    throw new Failure('Invalid', `${JSON.stringify(text)} is not a duration`, {
      field,
      remedy: 'write it as in 90s, 20m or 1h30m',
    })
  }
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g)]
  const sum = parts.reduce((total, [, amount, unit]) => total + Number(amount) * (unitMilliseconds[unit ?? ''] ?? 0), 0)
  return match[1] === '-' ? -sum : sum
}

/** A span for people, in the notation that {@link parseDuration} reads: `1h30m0s`, `500ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))}ms`
  const seconds = Math.round(milliseconds / 1000)
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}
