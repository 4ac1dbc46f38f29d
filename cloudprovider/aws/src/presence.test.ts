import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import { believedMilliseconds, createPresence } from './presence.ts'

function setUp() {
  const clock = createVirtualClock(0)
  const names = ['a']
  let lists = 0
  const presence = createPresence({ clock }, async () => {
    lists++
    return [...names]
  })
  return { clock, names, presence, lists: () => lists }
}

it('asks once for everybody, and again when the answer is old', async () => {
  const { clock, names, presence, lists } = setUp()
  expect(await Promise.all(['a', 'b', 'c'].map((name) => presence.mayExist(name)))).toEqual([true, false, false])
  names.push('b')
  await clock.advance(believedMilliseconds)
  expect(await presence.mayExist('b')).toBe(false)
  expect(lists()).toBe(1)
  await clock.advance(1)
  expect(await presence.mayExist('b')).toBe(true)
  expect(lists()).toBe(2)
})

it('knows what was made meanwhile', async () => {
  const { presence, lists } = setUp()
  presence.add('before anything was asked')
  expect(await presence.mayExist('b')).toBe(false)
  presence.add('b')
  expect(await presence.mayExist('b')).toBe(true)
  expect(lists()).toBe(1)
})

it('does not remember that it could not be told', async () => {
  let fails = true
  const presence = createPresence({ clock: createVirtualClock(0) }, async () => {
    if (fails) throw new Failure('Throttled', 'too many calls')
    return []
  })
  await expect(presence.mayExist('a')).rejects.toMatchObject({ kind: 'Throttled' })
  fails = false
  expect(await presence.mayExist('a')).toBe(false)
})

it('ends early when it is told to', async () => {
  const signal = AbortSignal.abort(new Failure('Unavailable', 'stopped'))
  await expect(setUp().presence.mayExist('a', signal)).rejects.toBe(signal.reason)
})
