import type { Socket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import { eventually } from '../../testing/eventually.ts'
import { openRelayServer, openSocket, startClient } from '../../testing/relay-server.ts'
import { loopback } from './loopback.ts'

/** A message of WireGuard as far as anybody can read it who has no keys. */
function message(type: 'initiation' | 'response' | 'data', lengthBytes: number, index: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes)
  bytes.writeUInt8({ initiation: 1, response: 2, data: 4 }[type], 0)
  bytes.writeUInt32LE(index, type === 'response' ? 8 : 4)
  return bytes
}

/** A client whose three neighbours are plain sockets: its device, the other device by TLS, and the other device by UDP. */
async function open(tryEveryMilliseconds: number) {
  await using stack = new AsyncDisposableStack()
  const opened = stack.use(await openRelayServer())
  const sockets = { device: await openSocket(), byUdp: await openSocket() }
  for (const socket of Object.values(sockets)) stack.defer(() => void socket.close())
  const identity = await opened.certificates.issue('client', 'client')
  let worked = 0
  const client = stack.use(
    await startClient(opened, identity, {
      udpTarget: loopback(sockets.byUdp.address().port),
      onUdpWorks: () => {
        worked++
      },
    }),
  )
  client.tryUdp(tryEveryMilliseconds)
  await eventually('a connection', () => client.state().connected || undefined)
  const came = { device: collect(sockets.device), byTls: collect(opened.device), byUdp: collect(sockets.byUdp) }
  let given = 0
  const give = (bytes: Buffer) => {
    given++
    sockets.device.send(bytes, client.endpoint().port, '127.0.0.1')
  }
  const owned = stack.move()
  return {
    ...sockets,
    byTls: opened.device,
    came,
    give,
    given: () => given,
    worked: () => worked,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Gives packets of a session until one has gone by UDP too, and says from which port. */
async function firstTry({ give, came }: Awaited<ReturnType<typeof open>>): Promise<number> {
  const tried = await eventually('a try', () => {
    give(message('data', 96, 1))
    return came.byUdp[0]
  })
  return tried.port
}

/** All that a socket gets, and from where the last came. */
function collect(socket: Socket) {
  const all: { readonly bytes: Buffer; readonly port: number }[] = []
  socket.on('message', (bytes, { port }) => all.push({ bytes, port }))
  return all
}

const types = (all: ReturnType<typeof collect>) => all.map(({ bytes }) => bytes.readUInt8(0))

describe('trying UDP', () => {
  it('takes small packets of the session at their turn, and the beginning of a handshake without waiting for one', async () => {
    await using link = await open(5000)
    await firstTry(link)
    const before = link.given()
    const given = [
      message('data', 1400, 7),
      message('data', 96, 7),
      message('data', 96, 7),
      message('response', 92, 7),
      message('initiation', 148, 7),
      message('initiation', 148, 8),
      message('data', 32, 7),
    ]
    for (const bytes of given) link.give(bytes)
    await eventually('all by TLS', () => link.came.byTls.length === before + given.length || undefined)
    expect(types(link.came.byTls).slice(before)).toEqual([4, 4, 4, 2, 1, 1, 4])
    expect(types(link.came.byUdp)).toEqual([4, 1])
  })

  it('happens not at all when it is not wanted', async () => {
    await using link = await open(0)
    link.give(message('data', 96, 7))
    link.give(message('initiation', 148, 7))
    await eventually('both by TLS', () => link.came.byTls.length === 2 || undefined)
    expect(link.came.byUdp).toEqual([])
  })

  it('has worked when an answer names the session that TLS has shown, or the handshake that was tried, and nothing else', async () => {
    await using link = await open(200)
    const relayByUdp = await firstTry(link)
    const relayByTls = (await eventually('the packet', () => link.came.byTls[0])).port
    const answer = (bytes: Buffer) => link.byUdp.send(bytes, relayByUdp, '127.0.0.1')

    link.byTls.send(message('data', 96, 4711), relayByTls, '127.0.0.1')
    await eventually('the session', () => link.came.device.length === 1 || undefined)
    for (const bytes of [
      message('data', 96, 4712),
      message('response', 92, 9),
      Buffer.alloc(3),
      message('data', 12, 4711),
    ])
      answer(bytes)
    // Whatever it is, the device may judge for itself.
    await eventually('all at the device', () => link.came.device.length === 5 || undefined)
    expect(link.worked()).toBe(0)
    // Nothing was tried yet since the other device is known to send by TLS.
    answer(message('data', 96, 4711))
    await eventually('that one at the device', () => link.came.device.length === 6 || undefined)
    expect(link.worked()).toBe(0)
    const tries = link.came.byUdp.length
    await eventually('a try', () => {
      link.give(message('data', 96, 1))
      return link.came.byUdp.length > tries || undefined
    })
    answer(message('data', 96, 4711))
    await eventually('the first proof', () => link.worked() === 1 || undefined)
    link.give(message('initiation', 148, 99))
    await eventually('the handshake', () => types(link.came.byUdp).includes(1) || undefined)
    answer(message('response', 92, 99))
    await eventually('the second proof', () => link.worked() === 2 || undefined)
  })

  it('does not take the word of anybody but the other device', async () => {
    await using link = await open(200)
    const port = await firstTry(link)
    const relayByTls = (await eventually('the packet', () => link.came.byTls[0])).port
    link.byTls.send(message('data', 96, 4711), relayByTls, '127.0.0.1')
    await eventually('the session', () => link.came.device.length === 1 || undefined)
    const tries = link.came.byUdp.length
    await eventually('a try', () => {
      link.give(message('data', 96, 1))
      return link.came.byUdp.length > tries || undefined
    })
    const stranger = await openSocket()
    stranger.send(message('data', 96, 4711), port, '127.0.0.1')
    link.byUdp.send(message('data', 96, 1), port, '127.0.0.1')
    await eventually('what came after it', () => link.came.device.length === 2 || undefined)
    expect(link.worked()).toBe(0)
    stranger.close()
  })
})
