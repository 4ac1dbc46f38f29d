/** Units of Go durations, in milliseconds, longest first where one begins another. */
const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/** The span that a Go duration such as `1h30m` or `10m0s` stands for, in milliseconds; undefined when `text` is none. */
export function durationMilliseconds(text: string): number | undefined {
  const negative = text.startsWith('-')
  const body = /^[+-]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0
  let total = 0
  let end = 0
  part.lastIndex = 0
  for (let match = part.exec(body); match !== null; match = part.exec(body)) {
    total += Number(match[1]) * (unitMilliseconds[match[2] ?? ''] ?? Number.NaN)
    end = part.lastIndex
  }
  if (end === 0 || end !== body.length || !Number.isFinite(total)) return undefined
  return negative ? -total : total
}

/** The Go duration of a span, as Go itself prints it: `10m0s`, `1.5s`, `250ms`. Fractions of a millisecond are dropped. */
export function durationText(milliseconds: number): string {
  const whole = Math.trunc(Math.abs(milliseconds))
  const sign = milliseconds < 0 && whole > 0 ? '-' : ''
  if (whole === 0) return '0s'
  if (whole < 1_000) return `${sign}${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor((whole % 3_600_000) / 60_000)
  const seconds = `${(whole % 60_000) / 1_000}s`
  const shown = hours > 0 ? `${hours}h${minutes}m${seconds}` : minutes > 0 ? `${minutes}m${seconds}` : seconds
  return `${sign}${shown}`
}
