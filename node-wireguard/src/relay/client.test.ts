import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { scriptedRelays } from '../../testing/scripted-relay.ts'
import { parseEndpoint, parseResolvedEndpoint } from '../endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../key.ts'
import { type RelayClientOptions, startRelayClient } from './client.ts'
import { loopback } from './loopback.ts'
import { startRelayServer } from './server.ts'

const random = createSeededRandom('relay')
const link = publicKeyOf(generatePrivateKey(random))

function prepare(more: Partial<RelayClientOptions> = {}) {
  const clock = createVirtualClock()
  const { launch, started } = scriptedRelays()
  const options: RelayClientOptions = {
    ...{ clock, random, launch, log: createSilentLog() },
    target: {
      endpoint: parseEndpoint('vpn.example.org:443'),
      serverName: 'seed-0.example.org',
      caFile: '/ca.crt',
      link,
    },
    resolve: async () => ['192.0.2.1', '2001:db8::1'],
    ...more,
  }
  return { clock, started, options }
}

describe('a relay client', () => {
  it('tells the program whom to dial, and knows what that tells', async () => {
    const { clock, started, options } = prepare({ udpTarget: parseResolvedEndpoint('192.0.2.9:51820') })
    await using client = await startRelayClient(options)
    const [program] = started
    expect(program?.commands).toEqual([
      {
        configure: {
          ...{ addresses: ['192.0.2.1:443', '[2001:db8::1]:443'], serverName: 'seed-0.example.org' },
          ...{ caFile: '/ca.crt', link, udp: '192.0.2.9:51820' },
        },
        carry: 'tls',
        tryEveryMilliseconds: 0,
      },
    ])
    expect(client.endpoint()).toEqual(loopback(4000))
    expect(client.state()).toMatchObject({ connected: false, reason: expect.any(String) })
    await clock.advance(100)
    program?.say({ event: 'connected', address: '192.0.2.1:443' })
    program?.say({ event: 'counters', sentBytes: 10, receivedBytes: 20, dropped: 3 })
    const now = clock.now()
    expect(client.state()).toEqual({
      ...{ connected: true, since: now, reason: undefined, sentBytes: 10, receivedBytes: 20, dropped: 3, usedAt: now },
    })
  })

  it('has a program that ended started again, on the same port and as it was told last', async () => {
    const { clock, started, options } = prepare()
    await using client = await startRelayClient(options)
    started[0]?.say({ event: 'connected' })
    client.carry('udp')
    client.tryUdp(2000)
    client.setUdpTarget(parseResolvedEndpoint('192.0.2.9:51820'))
    started[0]?.end('signal SIGSEGV')
    await clock.advance(1000)
    expect(client.state()).toMatchObject({ connected: false, reason: 'the program ended' })
    expect(started.map(({ args }) => args)).toEqual([
      ['client', '0'],
      ['client', '4000'],
    ])
    expect(started[1]?.commands[0]).toMatchObject({
      ...{ carry: 'udp', tryEveryMilliseconds: 2000, configure: { udp: '192.0.2.9:51820' } },
    })
  })

  it('looks the name up again when the connection ends, and only tells what has changed', async () => {
    let addresses = ['192.0.2.1']
    const { clock, started, options } = prepare({ resolve: async () => addresses })
    await using _ = await startRelayClient(options)
    started[0]?.say({ event: 'disconnected', reason: 'connection refused' })
    await clock.advance(10)
    expect(started[0]?.commands).toHaveLength(1)
    addresses = ['192.0.2.2']
    started[0]?.say({ event: 'disconnected', reason: 'connection refused' })
    await clock.advance(10)
    expect(started[0]?.commands[1]).toMatchObject({ configure: { addresses: ['192.0.2.2:443'] } })
  })

  it('starts although the name does not resolve yet', async () => {
    const { started, options } = prepare({ resolve: async () => [] })
    await using _ = await startRelayClient(options)
    expect(started[0]?.commands[0]).toMatchObject({ configure: { addresses: [] } })
  })
})

describe('a relay program', () => {
  it('says what it said when it does not start', async () => {
    const { options } = prepare()
    const launch: RelayClientOptions['launch'] = (_program, _args, { onError }) => {
      onError('no permission')
      const ended = Promise.resolve('exit code 1')
      return { ended, processId: undefined, write() {}, terminate() {}, kill() {} }
    }
    await expect(startRelayClient({ ...options, launch })).rejects.toMatchObject({
      kind: 'Unavailable',
      message: expect.stringMatching(/exit code 1.*no permission/),
      remedy: expect.any(String),
    })
  })

  it('says that it is missing', async () => {
    const { launch: _, ...options } = prepare().options
    await expect(startRelayClient({ ...options, program: '/nonexistent/relay' })).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT'),
    })
  })

  it('is started again less and less often when it does not stay', async () => {
    const { clock, started, options } = prepare()
    await using _ = await startRelayClient(options)
    for (let second = 0; second < 20; second++) {
      started.at(-1)?.end('signal SIGSEGV')
      await clock.advance(1000)
    }
    expect(started.length).toBeGreaterThan(5)
    expect(started.length).toBeLessThan(15)
  })
})

it('tells a relay server of its links, whenever they change', async () => {
  const { options } = prepare()
  const { launch, started } = scriptedRelays()
  const { clock, log } = options
  await using server = await startRelayServer({
    ...{
      clock,
      random,
      log,
      launch,
      listen: ':443',
      identity: { certificateFile: '/c', keyFile: '/k', caFile: '/ca' },
    },
    links: new Map([[link, 51_820]]),
  })
  const told = { listen: ':443', certificateFile: '/c', keyFile: '/k', caFile: '/ca' }
  server.setLinks(new Map())
  expect(started[0]?.commands).toEqual([
    { ...told, links: { [link]: '127.0.0.1:51820' } },
    { ...told, links: {} },
  ])
})
