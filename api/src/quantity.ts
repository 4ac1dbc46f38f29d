/** Powers that the suffixes of quantities stand for, in nano units. */
const suffixNanos: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  '': 1_000_000_000n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 10n ** 9n * 2n ** 10n,
  Mi: 10n ** 9n * 2n ** 20n,
  Gi: 10n ** 9n * 2n ** 30n,
  Ti: 10n ** 9n * 2n ** 40n,
  Pi: 10n ** 9n * 2n ** 50n,
  Ei: 10n ** 9n * 2n ** 60n,
}

const pattern = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/

/** A Kubernetes quantity in billionths of its unit, rounded away from zero; undefined when `value` is none. Exact. */
export function quantityNanos(value: number | string): bigint | undefined {
  const match = pattern.exec(String(value))
  if (match === null) return undefined
  const [, sign = '', digits = '', suffix = '', exponent = '0'] = match
  const [whole = '', fraction = ''] = digits.split('.')
  const scale = Number(exponent)
  const factor = (suffixNanos[suffix] ?? 1n) * 10n ** BigInt(Math.max(scale, 0))
  const divisor = 10n ** BigInt(fraction.length + Math.max(-scale, 0))
  const product = BigInt(`0${whole}${fraction}`) * factor
  const nanos = (product + divisor - 1n) / divisor
  return sign === '-' ? -nanos : nanos
}

/** A Kubernetes quantity in its unit (cores, bytes, pieces); undefined when `value` is none. */
export function quantityNumber(value: number | string): number | undefined {
  const nanos = quantityNanos(value)
  if (nanos === undefined) return undefined
  return Number(nanos / 1_000_000_000n) + Number(nanos % 1_000_000_000n) / 1e9
}

/** Whether `value` is a Kubernetes quantity. */
export function isQuantity(value: unknown): value is number | string {
  return (typeof value === 'number' || typeof value === 'string') && quantityNanos(value) !== undefined
}
