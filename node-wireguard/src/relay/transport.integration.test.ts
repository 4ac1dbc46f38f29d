import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { startEcho, testProgram } from '../../testing/landscape.ts'
import { type Laboratory, type Namespace, openLaboratory } from '../../testing/namespaces.ts'
import { relayProgram } from '../../testing/programs.ts'
import { createRelayCertificates, eachLine, relayServerName } from '../../testing/relay-ends.ts'
import { relayLauncherIn } from '../../testing/relay-launch.ts'
import { startUserspaceDevice } from '../../testing/userspace-device.ts'
import { hostCidr, parseIpAddress } from '../address.ts'
import { parseEndpoint } from '../endpoint.ts'
import { generatePrivateKey, publicKeyOf } from '../key.ts'
import type { PathEvent } from '../path/state.ts'
import { createDial } from '../tunnel/link/dial.ts'
import { startRelayServer } from './server.ts'
import { createTransport } from './transport.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const log = createSilentLog()
const port = 51_820
const inside = { near: '192.168.123.1', far: '192.168.123.2' } as const
const outside = { near: '198.18.0.1', far: '198.18.0.2' } as const

const blockUdp = `
table inet block {
  chain inwards {
    type filter hook prerouting priority -300; policy accept;
    iifname "eth0" udp dport ${port} drop
  }
}
`

interface Answer {
  readonly at: number
  readonly sequence: number
}

it('leaves UDP for TLS within four seconds when it is blocked, and comes back without losing a packet', async () => {
  await using laboratory = openLaboratory()
  const near = await laboratory.namespace('near')
  const far = await laboratory.namespace('far')
  await laboratory.cable(
    { in: near, interfaceName: 'eth0', address: `${outside.near}/24` },
    { in: far, interfaceName: 'eth0', address: `${outside.far}/24` },
  )
  const { transport, dispose } = await openLink(laboratory, near, far)
  await using _ = { [Symbol.asyncDispose]: dispose }
  await startEcho(near, '0.0.0.0')

  const answers: Answer[] = []
  eachLine<Answer>(far.start(process.execPath, [testProgram('gaps'), inside.near, '7', '10']), (answer) =>
    answers.push(answer),
  )
  let streamed = 0
  const problems: string[] = []
  eachLine<{ bytes?: number; problem?: string }>(
    far.start(process.execPath, [testProgram('stream'), inside.near, '7']),
    ({ bytes = 0, problem }) => {
      streamed += bytes
      if (problem !== undefined) problems.push(problem)
    },
  )
  await eventually('the tunnel', () => answers.length > 100 || undefined)
  expect(transport.status().way).toBe('udp')

  const blockedAt = clock.now()
  await near.feed(blockUdp, 'nft', '-f', '-')
  await eventually('TLS', () => (transport.status().way === 'tls' ? true : undefined))
  const first = await eventually('an answer', () => answers.find(({ at }) => at > blockedAt + 1000))
  const bytesBefore = streamed
  await eventually('the stream', () => streamed > bytesBefore + 200_000 || undefined)

  const from = answers.at(-1)?.sequence ?? 0
  await near.run('nft', 'delete', 'table', 'inet', 'block')
  const allowedAt = clock.now()
  await eventually('UDP', () => (transport.status().way === 'returning' ? true : undefined))
  const returned = clock.now()
  await eventually('an end of the relay', () => (transport.status().way === 'udp' ? true : undefined), 60_000)
  const to = answers.at(-1)?.sequence ?? 0
  await eventually('all answers', () => answers.some(({ sequence }) => sequence > to + 50) || undefined)
  const came = new Set(answers.map(({ sequence }) => sequence))
  const lost = Array.from({ length: to - from }, (_, index) => from + index).filter((sequence) => !came.has(sequence))
  process.stdout.write(
    `${JSON.stringify({ transport: { toTlsMs: first.at - blockedAt, toUdpMs: returned - allowedAt, settledMs: clock.now() - returned, lost: lost.length, of: to - from } })}\n`,
  )
  expect(first.at - blockedAt).toBeLessThan(4000)
  expect(lost).toEqual([])
  const bytesAfter = streamed
  await eventually('the stream', () => streamed > bytesAfter + 200_000 || undefined)
  expect(problems).toEqual([])
})

async function openLink(laboratory: Laboratory, near: Namespace, far: Namespace) {
  const keys = { near: generatePrivateKey(random), far: generatePrivateKey(random) }
  const names = { near: `rn${laboratory.id}`, far: `rf${laboratory.id}` }
  const devices = {
    near: await startUserspaceDevice(laboratory, near, names.near),
    far: await startUserspaceDevice(laboratory, far, names.far),
  }
  for (const [end, namespace] of [
    ['near', near],
    ['far', far],
  ] as const) {
    await namespace.run('ip', 'address', 'add', `${inside[end]}/24`, 'dev', names[end])
    await namespace.run('ip', 'link', 'set', 'dev', names[end], 'mtu', '1420', 'up')
  }
  await devices.near.apply({
    privateKey: keys.near,
    listenPort: port,
    peers: [{ publicKey: publicKeyOf(keys.far), allowedAddresses: [hostCidr(parseIpAddress(inside.far))] }],
  })
  const certificates = await createRelayCertificates(laboratory)
  const { caFile } = certificates
  const server = await startRelayServer({
    ...{ clock, random, log, program: relayProgram(), launch: relayLauncherIn(near).launch },
    listen: ':443',
    identity: { ...(await certificates.issue('server', 'server')), caFile },
    links: new Map([[publicKeyOf(keys.near), port]]),
  })
  const resolve = async () => []
  const dial = createDial(parseEndpoint(`${outside.near}:${port}`), [], resolve, log)
  await dial.refresh()
  const transport = createTransport({
    ...{ clock, random, log, dial, resolve, program: relayProgram(), launch: relayLauncherIn(far).launch },
    relay: {
      ...(await certificates.issue('client', 'client')),
      caFile,
      endpoint: parseEndpoint(`${outside.near}:443`),
      serverName: relayServerName,
      link: publicKeyOf(keys.near),
    },
    pointDevice,
  })
  async function pointDevice(): Promise<void> {
    await devices.far.apply({
      privateKey: keys.far,
      peers: [
        {
          publicKey: publicKeyOf(keys.near),
          endpoint: transport.current(),
          allowedAddresses: [hostCidr(parseIpAddress(inside.near))],
        },
      ],
    })
  }
  await pointDevice()
  for (const [namespace, from, to] of [
    [near, inside.near, inside.far],
    [far, inside.far, inside.near],
  ] as const) {
    const child = namespace.start(process.execPath, [testProgram('probe'), from, to, '5400'])
    if (namespace === far) eachLine<{ event: PathEvent }>(child, ({ event }) => transport.onPath(event))
  }
  return {
    transport,
    dispose: async () => {
      await transport[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
