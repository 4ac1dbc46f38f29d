import { describe, expect, it } from 'vitest'
import { agreementDeadlineMilliseconds, presharedKeyPhase } from './preshared-key.ts'

describe('the change of a preshared key', () => {
  const changedAt = 1_000_000
  it.each([
    ['pending', undefined, 1000],
    ['pending', changedAt - 100_000, 1000],
    ['pending', changedAt, 170_000],
    ['agreed', changedAt + 1, 2000],
    ['refused', changedAt - 100_000, agreementDeadlineMilliseconds + 1],
    ['refused', undefined, agreementDeadlineMilliseconds + 1],
  ] as const)('is %s with a handshake at %j after %i ms', (phase, latestHandshake, after) => {
    expect(presharedKeyPhase({ latestHandshake }, changedAt, changedAt + after)).toBe(phase)
  })
})
