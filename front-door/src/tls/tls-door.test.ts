import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer as createPlainServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { parseIpAddress } from 'node-wireguard/address'
import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import { recordHello } from '../../testing/hello.ts'
import { defaultTlsLimits } from '../configuration.ts'
import { openTlsDoor, type TlsDoor, type TlsLimits } from './tls-door.ts'

const [clock, random] = [createSystemClock(), createSystemRandom()]
const here = parseIpAddress('127.0.0.1')

async function openDoor(limits: Partial<TlsLimits> = {}): Promise<TlsDoor> {
  const all = { ...defaultTlsLimits, ...limits }
  return openTlsDoor({ clock, random, addresses: [here], port: 0, limits: all })
}

/** A TLS server for one name, which answers the whole of what it was sent, in capitals, once the client has ended its half. */
async function startServer(stack: AsyncDisposableStack, name: string) {
  const maker = createCertificateMaker({ clock, random })
  const authority = await maker.createAuthority('test')
  const pair = await maker.issue(authority, { commonName: name, usages: ['server'], dnsNames: [name] })
  const server = createServer({ key: pair.privateKey, cert: pair.certificate, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    const said: Buffer[] = []
    socket.on('data', (bytes: Buffer) => said.push(bytes))
    socket.on('end', () => socket.end(Buffer.concat(said).toString().toUpperCase()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => void server.close())
  return { port: (server.address() as AddressInfo).port, ca: authority.certificate }
}

function dial(door: TlsDoor, serverName: string, ca = ''): TLSSocket {
  return connect({ socket: plain(door, true), servername: serverName, ca })
}

const plain = (door: TlsDoor, allowHalfOpen = false): Socket => {
  const socket = createConnection({ host: '127.0.0.1', port: door.ports[0] ?? 0, allowHalfOpen })
  return socket.on('error', () => {})
}

const leadTo = (door: TlsDoor, ...names: readonly (readonly [name: string, ...ports: number[]])[]) =>
  door.setDestinations(
    names.map(([name, ...ports]) => ({ serverNames: [name], targets: ports.map((port) => ({ address: here, port })) })),
  )

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createPlainServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('the TLS side of the front door', () => {
  it('leads each name to its own server, with nothing decrypted on the way and each half ended by itself', async () => {
    await using stack = new AsyncDisposableStack()
    const [one, two] = [await startServer(stack, 'one.example'), await startServer(stack, 'two.example')]
    await using door = await openDoor()
    leadTo(door, ['one.example', one.port], ['two.example', two.port])
    const said = 'a long story '.repeat(100_000)
    for (const [name, { ca }] of [
      ['one.example', one],
      ['two.example', two],
    ] as const) {
      const client = dial(door, name, ca)
      client.end(said)
      const answer = await text(client)
      expect([answer.length, answer === said.toUpperCase()]).toEqual([said.length, true])
      expect(client.authorized).toBe(true)
    }
    await eventually('the end of both', () => (door.counts().open === 0 ? true : undefined))
    expect(door.counts().results).toMatchObject({ passed: 2, 'unknown-name': 0 })
    expect(door.counts().bytes.toServer).toBeGreaterThan(2 * said.length)
    expect(door.counts().bytes.toClient).toBeGreaterThan(2 * said.length)
  })

  it('tries the other servers of a name when one does not answer', async () => {
    await using stack = new AsyncDisposableStack()
    const { port, ca } = await startServer(stack, 'one.example')
    await using door = await openDoor()
    leadTo(door, ['one.example', await closedPort(), port])
    for (let count = 0; count < 8; count++) {
      const client = dial(door, 'one.example', ca)
      client.end('x')
      expect(await text(client)).toBe('X')
    }
  })

  it.each([
    ['unknown-name', 'other.example', 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'],
    ['unreachable', 'dead.example', 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'],
  ] as const)('says by an alert that a server is %s', async (result, name, code) => {
    await using door = await openDoor()
    leadTo(door, ['dead.example', await closedPort()])
    const [error] = await once(dial(door, name), 'error').catch((cause: unknown) => [cause])
    expect((error as { readonly code: string }).code).toBe(code)
    expect(door.counts().results[result]).toBe(1)
  })

  it('turns away who speaks no TLS, and who does not say a hello in time', async () => {
    await using door = await openDoor({ helloMilliseconds: 200 })
    const [http, silent, slow] = [plain(door), plain(door), plain(door)]
    http.write('GET / HTTP/1.1\r\n\r\n')
    slow.write((await recordHello('one.example')).subarray(0, 50))
    await Promise.all([http, silent, slow].map((socket) => once(socket.resume(), 'close')))
    expect(door.counts().results).toMatchObject({ malformed: 1, late: 2 })
  })

  it('takes no more than so many connections, of one address and of all', async () => {
    for (const limits of [{ connections: 2 }, { connectionsPerAddress: 2 }]) {
      await using door = await openDoor({ ...limits, drainMilliseconds: 0 })
      const first = [plain(door), plain(door)]
      await eventually('two', () => (door.counts().open === 2 ? true : undefined))
      await once(plain(door).resume(), 'close')
      expect(door.counts().results.limit).toBe(1)
      first[0]?.destroy()
      await eventually('one', () => (door.counts().open === 1 ? true : undefined))
      plain(door)
      await eventually('two again', () => (door.counts().open === 2 ? true : undefined))
    }
  })

  it('holds back a sender whose receiver does not read', async () => {
    await using stack = new AsyncDisposableStack()
    const hello = await recordHello('one.example')
    const server = createPlainServer((socket) => void socket.on('error', () => {}).pause()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.defer(() => void server.close())
    await using door = await openDoor({ drainMilliseconds: 0 })
    leadTo(door, ['one.example', (server.address() as AddressInfo).port])
    const client = plain(door)
    stack.defer(() => void client.destroy())
    client.write(hello)
    const block = Buffer.alloc(1024 * 1024)
    // What the kernel and both streams hold is some megabytes: were there no holding back, all would be taken.
    for (let count = 0; count < 64; count++) client.write(block)
    await eventually('it is held back', async () => {
      const before = client.bytesWritten - client.writableLength
      await clock.sleep(200)
      return before > 0 && client.bytesWritten - client.writableLength === before ? true : undefined
    })
    expect(client.writableLength).toBeGreaterThan(32 * block.length)
  })

  it('lets connections finish when it closes, and takes no new ones', async () => {
    await using stack = new AsyncDisposableStack()
    const { port, ca } = await startServer(stack, 'one.example')
    const door = await openDoor()
    leadTo(door, ['one.example', port])
    const client = dial(door, 'one.example', ca)
    client.write('before ')
    await eventually('it has passed', () => (door.counts().results.passed === 1 ? true : undefined))
    const closing = door[Symbol.asyncDispose]()
    const refused = await once(plain(door), 'connect').catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
    client.end('and after')
    expect(await text(client)).toBe('BEFORE AND AFTER')
    await closing
  })

  it('ends those that do not finish in time', async () => {
    const door = await openDoor({ drainMilliseconds: 100 })
    const client = plain(door)
    await eventually('it is there', () => (door.counts().open === 1 ? true : undefined))
    await Promise.all([once(client.resume(), 'close'), door[Symbol.asyncDispose]()])
  })
})
