import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import { scriptedRelays } from '../../testing/scripted-relay.ts'
import { formatEndpoint, parseEndpoint, parseResolvedEndpoint } from '../endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../key.ts'
import { createTransport } from './transport.ts'

const random = createSeededRandom('transport')
const direct = '192.0.2.9:51820'
const relayed = '127.0.0.1:4000'

function open() {
  const clock = createVirtualClock()
  const relays = scriptedRelays()
  const pointed: string[] = []
  let sequence = 0
  const transport = createTransport({
    ...{ clock, random, launch: relays.launch, log: createSilentLog() },
    dial: { current: () => parseResolvedEndpoint(direct), next() {}, refresh: async () => {} },
    relay: {
      ...{ endpoint: parseEndpoint('192.0.2.9:443'), serverName: 'seed-0.example.org' },
      link: publicKeyOf(generatePrivateKey(random)),
    },
    resolve: async () => [],
    pointDevice: async () => {
      const endpoint = transport.current()
      pointed.push(endpoint === undefined ? 'nowhere' : formatEndpoint(endpoint))
    },
  })
  const pass = async (milliseconds: number, answered: boolean, each = () => {}) => {
    for (let passed = 0; passed < milliseconds; passed += 500) {
      sequence++
      transport.onPath({ kind: 'asked', sequence, now: clock.now() })
      if (answered) transport.onPath({ kind: 'answered', sequence, now: clock.now(), roundTripMilliseconds: 1 })
      each()
      await clock.advance(500)
    }
  }
  const way = () => transport.status().way
  /** Silence until TLS carries. */
  const toTls = async () => {
    await pass(2000, false)
    relays.started.at(-1)?.say({ event: 'connected' })
    await pass(2000, false)
  }
  return { clock, pointed, transport, pass, way, toTls, started: relays.started }
}

it('goes over TLS when UDP is silent, and back when the relay sees UDP work, with a relay only meanwhile', async () => {
  const { pass, started, way, pointed, transport, toTls } = open()
  await pass(5000, true)
  expect({ way: way(), relays: started.length }).toEqual({ way: 'udp', relays: 0 })

  await toTls()
  expect(way()).toBe('tls')
  expect(pointed).toEqual([relayed])
  const [relay] = started
  await pass(5000, true)
  expect(relay?.commands).toContainEqual({ tryEveryMilliseconds: 2000 })

  relay?.say({ event: 'udpWorks' })
  expect(way()).toBe('returning')
  expect(relay?.commands.at(-1)).toEqual({ carry: 'udp' })
  // Until nothing is on its way the device stays where it is.
  expect(pointed).toEqual([relayed])
  relay?.say({ event: 'quiet' })
  expect(pointed).toEqual([relayed, direct])

  await pass(12_000, true)
  expect(way()).toBe('udp')
  expect(relay?.hasEnded()).toBe(true)
  expect(transport.status().relay).toBeUndefined()
  await transport[Symbol.asyncDispose]()
})

it('points the device straight again and again while something still passes through the relay', async () => {
  const { pass, started, way, pointed, transport, toTls } = open()
  await toTls()
  const [relay] = started
  relay?.say({ event: 'udpWorks' })
  let sentBytes = 0
  await pass(21_000, true, () => {
    sentBytes += 100
    relay?.say({ event: 'counters', sentBytes })
  })
  expect(way()).toBe('returning')
  expect(pointed).toEqual([relayed, direct, direct, direct, direct])
  await pass(11_000, true)
  expect(way()).toBe('udp')
  await transport[Symbol.asyncDispose]()
})

it('has the device go on by UDP when the relay does not connect, and by turns when neither way brings answers', async () => {
  const { pass, started, way, pointed, transport } = open()
  await pass(20_000, false)
  expect({ way: way(), relays: started.length, pointed }).toEqual({ way: 'udp', relays: 1, pointed: [] })
  started[0]?.say({ event: 'connected' })
  await pass(1000, false)
  expect(way()).toBe('tls')
  await pass(10_000, false)
  expect(way()).toBe('returning')
  await pass(3500, false)
  expect(way()).toBe('tls')
  expect(pointed).toEqual([relayed, direct, relayed])
  await transport[Symbol.asyncDispose]()
})

it('ends a relay that was started for a short silence', async () => {
  const { pass, started, transport, way } = open()
  await pass(2000, false)
  expect(started).toHaveLength(1)
  await pass(1000, true)
  expect(started[0]?.hasEnded()).toBe(true)
  expect(way()).toBe('udp')
  await transport[Symbol.asyncDispose]()
})
