import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createConnection, type Socket as TcpSocket } from 'node:net'
import { createSystemRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import {
  dial,
  ended,
  naming,
  newLink,
  type OpenRelayServer,
  openRelayServer,
  openSocket,
  startClient,
} from '../../testing/relay-server.ts'

const random = createSystemRandom()

describe('a relay', () => {
  it('carries datagrams of all sizes both ways, and keeps its port when its program is started again', async () => {
    await using opened = await openRelayServer()
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
    await using opened = await openRelayServer()
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
    await using opened = await openRelayServer()
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
    await certificates.issue('server', 'server')
    await eventually('no problem', async () => {
      await serial()
      return server.state().problem === undefined || undefined
    })
    const sender = await openSocket()
    sender.send('still here', client.endpoint().port, '127.0.0.1')
    const [bytes] = await once(device, 'message')
    expect(bytes.toString()).toBe('still here')
    expect(client.state()).toMatchObject({ connected: true, since })
    sender.close()
  })

  it('ends the connections of links that are not there any more, and only those', async () => {
    await using opened = await openRelayServer()
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
  it.each<{ name: string; connect: (opened: OpenRelayServer) => Promise<TcpSocket> }>([
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
    await using opened = await openRelayServer()
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
    await using opened = await openRelayServer()
    const silent = Array.from({ length: 80 }, () => createConnection(opened.server.port(), '127.0.0.1'))
    for (const socket of silent) socket.on('error', () => {})
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    await using client = await startClient(opened, await opened.certificates.issue('client', 'client'))
    await eventually('a connection', () => client.state().connected || undefined, 4000)
    for (const socket of silent) socket.destroy()
  })
})
