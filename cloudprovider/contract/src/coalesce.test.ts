import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createCoalescer } from './coalesce.ts'

function open(answer: (keys: readonly string[]) => Promise<ReadonlyMap<string, string>> = echo) {
  const clock = createVirtualClock()
  const calls: (readonly string[])[] = []
  const fetch = (keys: readonly string[]) => {
    calls.push(keys)
    return answer(keys)
  }
  return { clock, calls, coalescer: createCoalescer({ clock }, { most: 3, withinMilliseconds: 50, fetch }) }
}

async function echo(keys: readonly string[]) {
  return new Map(keys.filter((key) => key !== 'none').map((key) => [key, `<${key}>`]))
}

describe('a coalescer', () => {
  it('asks once for what comes together, and for each key once', async () => {
    const { clock, calls, coalescer } = open()
    const answers = Promise.all(['a', 'none', 'a'].map((key) => coalescer.ask(key)))
    await clock.advance(49)
    expect(calls).toEqual([])
    await clock.advance(1)
    expect(await answers).toEqual(['<a>', undefined, '<a>'])
    expect(calls).toEqual([['a', 'none']])
  })

  it('begins at once when a call is full, and gathers anew', async () => {
    const { clock, calls, coalescer } = open()
    const answers = Promise.all(['a', 'b', 'c', 'd'].map((key) => coalescer.ask(key)))
    expect(calls).toEqual([['a', 'b', 'c']])
    await clock.advance(50)
    expect(await answers).toEqual(['<a>', '<b>', '<c>', '<d>'])
    expect(calls).toEqual([['a', 'b', 'c'], ['d']])
    expect(clock.pending()).toEqual([])
  })

  it('never answers with what was asked for before the question', async () => {
    const { clock, calls, coalescer } = open()
    const first = coalescer.ask('a')
    await clock.advance(50)
    const second = coalescer.ask('a')
    await clock.advance(50)
    await Promise.all([first, second])
    expect(calls).toEqual([['a'], ['a']])
  })

  it('gives everybody the failure of the call, and those that left their own reason', async () => {
    const failure = new Failure('Unavailable', 'down')
    const { clock, coalescer } = open(() => Promise.reject(failure))
    const stop = new AbortController()
    const left = coalescer.ask('a', stop.signal)
    const stayed = coalescer.ask('b')
    const reason = new Failure('Unavailable', 'stopped')
    stop.abort(reason)
    await expect(left).rejects.toBe(reason)
    const waiting = expect(stayed).rejects.toBe(failure)
    await clock.advance(50)
    await waiting
    await expect(coalescer.ask('c', stop.signal)).rejects.toBe(reason)
  })
})
