import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import type { InstanceState } from './client-types.ts'
import { createTerminator } from './terminator.ts'

function setUp(refusals: Readonly<Record<string, Failure>> = {}) {
  const clock = createVirtualClock(0)
  const calls: (readonly string[])[] = []
  const client = {
    terminateInstances: async (ids: readonly string[]) => {
      calls.push(ids)
      const refused = ids.find((id) => refusals[id] !== undefined)
      if (refused !== undefined) throw refusals[refused]
      return new Map(ids.map((id) => [id, 'shutting-down' as InstanceState]))
    },
  }
  const terminator = createTerminator({ clock, client })
  const end = async (...ids: readonly string[]) => {
    const ends = Promise.allSettled(ids.map((id) => terminator.terminate(id)))
    await clock.advance(100)
    return (await ends).map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Failure).kind))
  }
  return { calls, end }
}

it('ends many servers with one call', async () => {
  const { calls, end } = setUp()
  expect(await end('i-1', 'i-2', 'i-1')).toEqual(['shutting-down', 'shutting-down', 'shutting-down'])
  expect(calls).toEqual([['i-1', 'i-2']])
})

it('ends the others when one is gone or may not be ended', async () => {
  const { calls, end } = setUp({
    'i-2': new Failure('NotFound', 'no such server'),
    'i-3': new Failure('Conflict', 'protected'),
  })
  expect(await end('i-1', 'i-2', 'i-3')).toEqual(['shutting-down', undefined, 'Conflict'])
  expect(calls).toHaveLength(4)
})

it('does not try one by one when AWS is tired of calls', async () => {
  const { calls, end } = setUp({ 'i-1': new Failure('Throttled', 'too many calls') })
  expect(await end('i-1', 'i-2')).toEqual(['Throttled', 'Throttled'])
  expect(calls).toHaveLength(1)
})
