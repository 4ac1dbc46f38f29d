import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createConnection, type Socket as TcpSocket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { openLaboratory } from '../../testing/namespaces.ts'
import { relayProgram } from '../../testing/programs.ts'
import {
  createRelayCertificates,
  type RelayCertificateFiles,
  type RelayCertificates,
  relayServerName,
} from '../../testing/relay-ends.ts'
import { parseEndpoint } from '../endpoint.ts'
import { generatePrivateKey, type PublicKey, publicKeyOf } from '../key.ts'
import { startRelayClient } from './client.ts'
import { type RelayServer, startRelayServer } from './server.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const log = createSilentLog()
const environment = { clock, random, log, program: relayProgram() }

/** A server in front of a device that is a plain socket. */
async function open() {
  await using stack = new AsyncDisposableStack()
  const laboratory = stack.use(openLaboratory())
  const certificates = await createRelayCertificates(laboratory)
  const device = await openSocket()
  stack.defer(() => void device.close())
  const link = newLink()
  const server = stack.use(
    await startRelayServer({
      ...environment,
      listen: '127.0.0.1:0',
      identity: { ...(await certificates.issue('server', 'server')), caFile: certificates.caFile },
      links: new Map([[link, device.address().port]]),
    }),
  )
  const owned = stack.move()
  return { certificates, device, link, server, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

type Opened = Awaited<ReturnType<typeof open>>

function newLink(): PublicKey {
  return publicKeyOf(generatePrivateKey(random))
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

function startClient({ certificates, link, server }: Opened, identity: RelayCertificateFiles) {
  return startRelayClient({
    ...environment,
    target: {
      ...identity,
      caFile: certificates.caFile,
      endpoint: parseEndpoint(`127.0.0.1:${server.port()}`),
      serverName: relayServerName,
      link,
    },
    resolve: async () => [],
  })
}

/** A TLS connection that speaks for itself. */
async function dial(
  server: RelayServer,
  certificates: RelayCertificates,
  options: { readonly identity?: RelayCertificateFiles; readonly protocol?: string } = {},
): Promise<TLSSocket> {
  const { identity, protocol = 'trellis-vpn/1' } = options
  const socket = connect({
    ...{ host: '127.0.0.1', port: server.port(), servername: relayServerName, ALPNProtocols: [protocol] },
    ca: readFileSync(certificates.caFile),
    ...(identity === undefined
      ? {}
      : { cert: readFileSync(identity.certificateFile), key: readFileSync(identity.keyFile) }),
  })
  socket.on('error', () => {})
  return socket
}

/** Resolves when the connection is over, with an error or without. */
function ended(socket: TcpSocket): Promise<void> {
  if (socket.closed) return Promise.resolve()
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
  })
}

/** A frame as it is on the wire: datagrams of one size, of which the last may be shorter. */
function frame(segmentBytes: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(segmentBytes, 0)
  head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

const naming = (link: PublicKey) => frame(32, Buffer.from(link, 'base64'))

describe('a relay', () => {
  it('carries datagrams of all sizes both ways, and keeps its port when its program is started again', async () => {
    await using opened = await open()
    await using client = await startClient(opened, await opened.certificates.issue('client', 'client'))
    await eventually('a connection', () => client.state().connected || undefined)
    const device = await openSocket()
    opened.device.on('message', (bytes, from) => opened.device.send(bytes, from.port, from.address))
    for (const length of [1, 32, 148, 1452, 9000, 65_000]) {
      const sent = random.bytes(length)
      device.send(sent, client.endpoint().port, '127.0.0.1')
      const [back] = await once(device, 'message')
      expect(back.equals(sent)).toBe(true)
    }
    device.close()
    expect([...opened.server.state().connections]).toEqual([[opened.link, 1]])
  })

  it('carries every datagram of a burst, whole and in order', async () => {
    await using opened = await open()
    await using client = await startClient(opened, await opened.certificates.issue('client', 'client'))
    await eventually('a connection', () => client.state().connected || undefined)
    const device = await openSocket()
    const came: number[] = []
    opened.device.on('message', (bytes) => came.push(bytes.readUInt32BE(0) * 10_000 + bytes.length))
    const lengths = Array.from({ length: 60 }, () => 4 + random.integer(1400))
    for (const [index, length] of lengths.entries()) {
      const datagram = Buffer.alloc(length)
      datagram.writeUInt32BE(index, 0)
      device.send(datagram, client.endpoint().port, '127.0.0.1')
    }
    await eventually('all datagrams', () => came.length === lengths.length || undefined)
    expect(came).toEqual(lengths.map((length, index) => index * 10_000 + length))
    device.close()
  })

  it('takes up a new certificate without touching open connections, and goes on with the old one while the new one cannot be read', async () => {
    await using opened = await open()
    const { certificates, server, device } = opened
    const identity = await certificates.issue('client', 'client')
    const serial = async () => {
      const socket = await dial(server, certificates, { identity })
      await once(socket, 'secureConnect')
      const { serialNumber } = socket.getPeerCertificate()
      socket.destroy()
      return serialNumber
    }
    await using client = await startClient(opened, identity)
    await eventually('a connection', () => client.state().connected || undefined)
    const since = client.state().since
    const before = await serial()
    const files = await certificates.issue('server', 'server')
    const after = await eventually('the new certificate', async () => {
      const now = await serial()
      return now === before ? undefined : now
    })
    await writeFile(files.certificateFile, 'half of a cert')
    await eventually('the problem', async () => {
      expect(await serial()).toBe(after)
      return server.state().problem
    })
    const sender = await openSocket()
    sender.send('still here', client.endpoint().port, '127.0.0.1')
    const [bytes] = await once(device, 'message')
    expect(bytes.toString()).toBe('still here')
    expect(client.state()).toMatchObject({ connected: true, since })
    sender.close()
  })

  it('ends the connections of links that are not there any more, and only those', async () => {
    await using opened = await open()
    const { certificates, link, server, device } = opened
    await using client = await startClient(opened, await certificates.issue('client', 'client'))
    await eventually('a connection', () => client.state().connected || undefined)
    server.setLinks(
      new Map([
        [link, device.address().port],
        [newLink(), 1],
      ]),
    )
    server.setLinks(new Map([[newLink(), device.address().port]]))
    await eventually('the end', () => !client.state().connected || undefined)
    await eventually('no connection', () => server.state().connections.size === 0 || undefined)
    server.setLinks(new Map([[link, device.address().port]]))
    await eventually('a connection again', () => client.state().connected || undefined)
  })
})

describe('what a server does not let in', () => {
  it.each<{ name: string; connect: (opened: Opened) => Promise<TcpSocket> }>([
    { name: 'whoever has no certificate', connect: ({ server, certificates }) => dial(server, certificates) },
    {
      name: 'a certificate of another authority',
      connect: async ({ server, certificates }) => {
        const other = await certificates.maker.createAuthority('other')
        return dial(server, certificates, { identity: await certificates.issue('stranger', 'client', other) })
      },
    },
    {
      name: "a server's certificate in place of a client's",
      connect: async ({ server, certificates }) =>
        dial(server, certificates, { identity: await certificates.issue('confused', 'server') }),
    },
    {
      name: 'another protocol',
      connect: async ({ server, certificates }) =>
        dial(server, certificates, { identity: await certificates.issue('client', 'client'), protocol: 'http/1.1' }),
    },
    {
      name: 'what is not TLS',
      connect: async ({ server }) => {
        const socket = createConnection(server.port(), '127.0.0.1')
        socket.on('error', () => {})
        socket.write(random.bytes(2000))
        return socket
      },
    },
    {
      name: 'a link that nobody knows',
      connect: async ({ server, certificates }) => {
        const socket = await dial(server, certificates, { identity: await certificates.issue('client', 'client') })
        socket.write(naming(newLink()))
        return socket
      },
    },
    {
      name: 'silence after the handshake, for longer than five seconds',
      connect: async ({ server, certificates }) =>
        dial(server, certificates, { identity: await certificates.issue('client', 'client') }),
    },
    {
      name: 'silence before the handshake, for longer than five seconds',
      connect: async ({ server }) => createConnection(server.port(), '127.0.0.1'),
    },
  ])('$name', async ({ connect: open_ }) => {
    await using opened = await open()
    const socket = await open_(opened)
    let said = 0
    socket.on('data', (bytes) => {
      said += bytes.length
    })
    await ended(socket)
    expect(said).toBe(0)
    await eventually('the count', () => opened.server.state().refused > 0 || undefined)
    expect(opened.server.state().connections.size).toBe(0)
  })

  it('makes way for those who come by turning away the oldest of many that say nothing', async () => {
    await using opened = await open()
    const silent = Array.from({ length: 80 }, () => createConnection(opened.server.port(), '127.0.0.1'))
    for (const socket of silent) socket.on('error', () => {})
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    await using client = await startClient(opened, await opened.certificates.issue('client', 'client'))
    await eventually('a connection', () => client.state().connected || undefined, 4000)
    for (const socket of silent) socket.destroy()
  })
})

describe('the stream of a client that is let in', () => {
  it.each([
    { name: 'a length that no datagram has', bytes: Buffer.from([0xff, 0xff, 0xff, 0xff]) },
    { name: 'a datagram longer than its frame', bytes: frame(100, Buffer.alloc(99)) },
    { name: 'datagrams without length', bytes: frame(0, Buffer.alloc(10)) },
    { name: 'more datagrams than the kernel takes at once', bytes: frame(1, Buffer.alloc(65)) },
  ])('ends at $name', async ({ bytes }) => {
    await using opened = await open()
    const socket = await greet(opened)
    socket.write(bytes)
    await ended(socket)
    await eventually('no connection', () => opened.server.state().connections.size === 0 || undefined)
  })

  it('ends when nothing comes for eight seconds, not even a sign of life', async () => {
    await using opened = await open()
    const socket = await greet(opened)
    const startedAt = clock.now()
    await ended(socket)
    expect(clock.now() - startedAt).toBeGreaterThan(7000)
    expect(clock.now() - startedAt).toBeLessThan(12_000)
  })

  it('may be cut anywhere: the datagrams are the same', async () => {
    await using opened = await open()
    const socket = await greet(opened)
    const came: Buffer[] = []
    opened.device.on('message', (bytes) => came.push(bytes))
    const bundles = fc.array(
      fc.record({
        segmentBytes: fc.integer({ min: 1, max: 700 }),
        count: fc.integer({ min: 1, max: 20 }),
        last: fc.double({ min: 0.01, max: 1, noNaN: true }),
      }),
      { minLength: 1, maxLength: 3 },
    )
    const cuts = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(bundles, cuts, async (wanted, lengths) => {
        came.length = 0
        const datagrams: Buffer[] = []
        const frames = wanted.map(({ segmentBytes, count, last }) => {
          const parts = Array.from({ length: count }, (_, index) =>
            random.bytes(index < count - 1 ? segmentBytes : Math.ceil(segmentBytes * last)),
          )
          datagrams.push(...parts)
          return frame(count === 1 ? (parts[0]?.length ?? 0) : segmentBytes, Buffer.concat(parts))
        })
        const stream = Buffer.concat([...frames, frame(0, Buffer.alloc(0))])
        for (let at = 0, index = 0; at < stream.length; index++) {
          const length = lengths[index % lengths.length] ?? 1
          socket.write(stream.subarray(at, at + length))
          at += length
        }
        await eventually('all datagrams', () => came.length === datagrams.length || undefined, 3000)
        expect(came.every((bytes, index) => datagrams[index]?.equals(bytes))).toBe(true)
      }),
      { numRuns: 40 },
    )
    socket.destroy()
  })

  it('is one of three at most for each link: the oldest ends', async () => {
    await using opened = await open()
    const first = await greet(opened)
    const others = [await greet(opened), await greet(opened)]
    await eventually('three', () => opened.server.state().connections.get(opened.link) === 3 || undefined)
    others.push(await greet(opened))
    await ended(first)
    expect(others.some((socket) => socket.closed)).toBe(false)
    for (const socket of others) socket.destroy()
  })
})

/** Connects, names the link, and waits until the server has said that it is there. */
async function greet({ server, certificates, link }: Opened): Promise<TLSSocket> {
  const socket = await dial(server, certificates, { identity: await certificates.issue('client', 'client') })
  socket.write(naming(link))
  const [bytes] = await once(socket, 'data')
  expect(bytes).toEqual(frame(0, Buffer.alloc(0)))
  return socket
}
