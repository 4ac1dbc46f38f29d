import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseRelayEvent } from './messages.ts'
import { type RelayServerState, serverStateAfter } from './server.ts'

it('reads the events of a relay program', () => {
  expect(parseRelayEvent('{"event":"connected","address":"192.0.2.1:443"}')).toEqual({
    event: 'connected',
    address: '192.0.2.1:443',
  })
})

it('takes whatever else a program writes for nothing', () => {
  for (const line of ['', 'panic: no', '[]', 'null', '{"event":"future"}', '{"event":1}', '{"events":"connected"}'])
    expect(parseRelayEvent(line)).toBeUndefined()
  fc.assert(
    fc.property(fc.string(), (line) => {
      expect(parseRelayEvent(line)).toBeUndefined()
    }),
  )
})

it('counts the connections of each link, and those that were turned away', () => {
  const fresh: RelayServerState = { connections: new Map(), refused: 0, problem: undefined }
  const after = [
    { event: 'opened', link: 'a' },
    { event: 'opened', link: 'a' },
    { event: 'opened', link: 'b' },
    { event: 'closed', link: 'a' },
    { event: 'closed', link: 'b' },
    { event: 'refused', reason: 'there is no such link' },
    { event: 'refused', count: 7 },
    { event: 'problem', reason: 'no certificate' },
  ] as const
  const state = after.reduce<RelayServerState>(serverStateAfter, fresh)
  expect(state).toEqual({ connections: new Map([['a', 1]]), refused: 8, problem: 'no certificate' })
  expect(serverStateAfter(state, { event: 'resolved' }).problem).toBeUndefined()
})
