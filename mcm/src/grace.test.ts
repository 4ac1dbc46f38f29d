import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { untilEnded } from './grace.ts'

function setUp() {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const work = Promise.withResolvers<void>()
  const ended = untilEnded(clock, work.promise, { signal: stop.signal, milliseconds: 8000 })
  return { clock, stop, work, ended }
}

describe('untilEnded', () => {
  it('waits for as long as nobody asks for the end', async () => {
    const { clock, work, ended } = setUp()
    await clock.advance(100_000)
    work.resolve()
    expect(await ended).toBe(true)
  })

  it('lets work end in good order', async () => {
    const { clock, stop, work, ended } = setUp()
    stop.abort()
    await clock.advance(7000)
    work.resolve()
    expect(await ended).toBe(true)
  })

  it('leaves work that does not end', async () => {
    const { clock, stop, ended } = setUp()
    stop.abort()
    await clock.advance(8000)
    expect(await ended).toBe(false)
  })

  it('passes on what the work throws', async () => {
    const { work, ended } = setUp()
    work.reject(new TypeError('a bug'))
    await expect(ended).rejects.toThrow('a bug')
  })
})
