import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { withinDeadline } from './within-deadline.ts'

const late = () => new Error('late')

describe('withinDeadline', () => {
  it('answers with the value and leaves no timer behind', async () => {
    const clock = createVirtualClock()
    expect(await withinDeadline(clock, 1_000, new AbortController().signal, async () => 7, late)).toBe(7)
    expect(clock.pending()).toEqual([])
  })

  it('says that it is late', async () => {
    const clock = createVirtualClock()
    const work = withinDeadline(
      clock,
      1_000,
      new AbortController().signal,
      (signal) => clock.sleep(5_000, signal),
      late,
    )
    const outcome = expect(work).rejects.toThrow('late')
    await clock.advance(1_000)
    await outcome
  })

  it("passes the work's own failure on, and the reason of whoever stops it", async () => {
    const clock = createVirtualClock()
    const stop = new AbortController()
    const broken = withinDeadline(clock, 1_000, stop.signal, () => Promise.reject(new Error('broken')), late)
    await expect(broken).rejects.toThrow('broken')
    const work = withinDeadline(clock, 1_000, stop.signal, (signal) => clock.sleep(5_000, signal), late)
    const outcome = expect(work).rejects.toThrow('stopped')
    stop.abort(new Error('stopped'))
    await outcome
  })
})
