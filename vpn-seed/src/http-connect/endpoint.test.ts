import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { parseCidr } from 'node-wireguard/address'
import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { call, ended, heard } from '../../testing/caller.ts'
import { createIdentities, type Identities, identityIn } from '../../testing/identities.ts'
import { type HttpConnect, type HttpConnectOptions, startHttpConnect } from './endpoint.ts'

const clock = createSystemClock()
let directory: string
let identities: Identities
const stack: AsyncDisposable[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'http-connect-'))
  identities = await createIdentities()
})
afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one[Symbol.asyncDispose]()
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function start(options: Partial<HttpConnectOptions> = {}): Promise<HttpConnect> {
  const endpoint = await startHttpConnect({
    clock,
    log: createSilentLog(),
    resolve: async () => ['127.0.0.2'],
    host: '127.0.0.1',
    port: 0,
    identity: await identityIn(directory, identities),
    networks: [parseCidr('127.0.0.2')],
    connectMilliseconds: 5_000,
    introductionMilliseconds: 5_000,
    idleMilliseconds: undefined,
    drainMilliseconds: 0,
    maximumStreams: 100,
    ...options,
  })
  stack.push(endpoint)
  return endpoint
}

/** A server in the shoot's stead, at 127.0.0.2. */
async function serve(onConnection: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer({ allowHalfOpen: true }, onConnection)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.2')
  await once(server, 'listening')
  stack.push({
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
  return `127.0.0.2:${(server.address() as { port: number }).port}`
}

const metric = async (endpoint: HttpConnect, line: string) =>
  (await endpoint.registry.metrics()).split('\n').find((one) => one.startsWith(`trellis_vpn_connect_${line}`))

describe('a stream', () => {
  it('carries bytes both ways, and the end of each way by itself', async () => {
    const target = await serve(async (socket) => socket.end(`you said ${await heard(socket)}`))
    const endpoint = await start()
    const { statusLine, socket } = await call(endpoint.port, identities, target)
    expect(statusLine).toBe('HTTP/1.1 200 Connection Established')
    socket.end('all of it')
    expect(await heard(socket)).toBe('you said all of it')
    await eventually('the end', () => (endpoint.openStreams() === 0 ? true : undefined))
    expect(await metric(endpoint, 'bytes_total{direction="to_shoot"}')).toMatch(/ 9$/)
    expect(await metric(endpoint, 'bytes_total{direction="from_shoot"}')).toMatch(/ 18$/)
  })

  it('goes on towards the shoot when the shoot has said all', async () => {
    let said: Promise<string> | undefined
    const target = await serve((socket) => {
      said = heard(socket)
      socket.end('that is all')
    })
    const endpoint = await start()
    const { socket } = await call(endpoint.port, identities, target)
    expect(await heard(socket)).toBe('that is all')
    socket.end('but I go on')
    expect(await said).toBe('but I go on')
  })

  it('brings what was said together with the request', async () => {
    const target = await serve((socket) => socket.pipe(socket))
    const endpoint = await start()
    const request = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nearly`
    const { socket } = await call(endpoint.port, identities, target, { request })
    socket.end(' and late')
    expect(await heard(socket)).toBe('early and late')
  })

  it('breaks when the shoot breaks it', async () => {
    const sockets: Socket[] = []
    const target = await serve((socket) => sockets.push(socket.resume()))
    const endpoint = await start()
    const { socket } = await call(endpoint.port, identities, target)
    const other = await eventually('a connection', () => sockets[0])
    other.resetAndDestroy()
    await ended(socket)
    await eventually('the end', () => (endpoint.openStreams() === 0 ? true : undefined))
  })

  it('does not outlive a caller who has gone', async () => {
    // Nobody can tell a caller who is gone from one who has said all, until something is said to him.
    const target = await serve((socket) => socket.resume().once('end', () => socket.write('x'.repeat(1_000_000))))
    const endpoint = await start()
    const { socket } = await call(endpoint.port, identities, target)
    socket.destroy()
    await eventually('the end', () => (endpoint.openStreams() === 0 ? true : undefined))
  })

  it('ends when idle only if told so', async () => {
    const target = await serve((socket) => socket.resume())
    const endpoint = await start({ idleMilliseconds: 50 })
    const { socket } = await call(endpoint.port, identities, target)
    await ended(socket)
  })
})

describe('a request that opens nothing', () => {
  it.each([
    ['outside', '192.0.2.1:443', 'HTTP/1.1 403 Forbidden: the destination is in none of the networks of the shoot'],
    ['of the endpoint itself', '127.0.0.1:9443', 'HTTP/1.1 403 Forbidden'],
    ['refused', '127.0.0.2:1', 'HTTP/1.1 502 Bad Gateway: the destination refuses connections on this port'],
    ['no target', 'nonsense', 'HTTP/1.1 400 Bad Request'],
  ])('says why: %s', async (_what, target, statusLine) => {
    const endpoint = await start()
    const answer = await call(endpoint.port, identities, target)
    expect(answer.statusLine).toContain(statusLine)
    await ended(answer.socket)
    expect(endpoint.openStreams()).toBe(0)
  })

  it('ends at the limit of time, whether the name or the connection hangs', async () => {
    const endpoint = await start({ connectMilliseconds: 50, resolve: () => new Promise(() => {}) })
    const answer = await call(endpoint.port, identities, 'hangs.example:443')
    expect(answer.statusLine).toBe('HTTP/1.1 504 Gateway Timeout: the destination does not answer')
    expect(await metric(endpoint, 'failed_total{reason="timeout"}')).toMatch(/ 1$/)
  })

  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', '405 Method Not Allowed'],
    ['nonsense\r\n\r\n', '400 Bad Request'],
    [`CONNECT 127.0.0.2:1 HTTP/1.1\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, '400 Bad Request'],
  ])('is answered whatever it is', async (request, status) => {
    const endpoint = await start()
    expect((await call(endpoint.port, identities, '', { request })).statusLine).toContain(status)
  })

  it('shows nothing of what was asked, and logs who asked for what without what proves him', async () => {
    const lines: object[] = []
    const endpoint = await start({ log: { ...createSilentLog(), info: (fields) => void lines.push(fields) } })
    const request = 'CONNECT 192.0.2.1:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n'
    const answer = await call(endpoint.port, identities, '', { request })
    expect(answer.text).not.toMatch(/192\.0\.2\.1|c2VjcmV0/)
    expect(lines).toEqual([{ destination: '192.0.2.1:443', reason: 'forbidden', caller: 'CN=kube-apiserver' }])
  })
})

describe('a caller', () => {
  it.each([
    ['without a certificate', () => ({ certificate: null })],
    ['with the certificate of a server', () => ({ certificate: identities.endpoint })],
    ['with an old protocol', () => ({ versions: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const })],
  ])('%s is sent away', async (_what, options) => {
    const endpoint = await start()
    await expect(call(endpoint.port, identities, '127.0.0.2:1', options())).rejects.toThrow()
  })

  it('of another authority is sent away', async () => {
    const endpoint = await start()
    const other = await createIdentities()
    const options = { certificate: other.caller }
    await expect(call(endpoint.port, identities, '127.0.0.2:1', options)).rejects.toThrow()
    expect(await metric(endpoint, 'failed_total{reason="handshake"}')).toMatch(/ 1$/)
  })

  it('who says nothing is sent away, with a certificate or without', async () => {
    const endpoint = await start({ introductionMilliseconds: 100 })
    const silent = connect(endpoint.port, '127.0.0.1').resume()
    await once(silent, 'close')
    expect(await metric(endpoint, 'failed_total{reason="handshake"}')).toMatch(/ 1$/)
    const answer = await call(endpoint.port, identities, '', { request: 'CONNECT 127.0.0.2:1 HTTP/1.1\r\n' })
    expect(answer.statusLine).toContain('408')
    expect(await metric(endpoint, 'failed_total{reason="silent"}')).toMatch(/ 1$/)
  })

  it('beyond the limit is closed, others are not', async () => {
    const target = await serve((socket) => socket.pipe(socket))
    const endpoint = await start({ maximumStreams: 1 })
    const { socket } = await call(endpoint.port, identities, target)
    await expect(call(endpoint.port, identities, target)).rejects.toThrow()
    expect(await metric(endpoint, 'failed_total{reason="limit"}')).toMatch(/ 1$/)
    socket.end('still here')
    expect(await heard(socket)).toBe('still here')
  })
})

describe('certificates', () => {
  it('that have changed count for all that comes, while open streams go on', async () => {
    const target = await serve((socket) => socket.pipe(socket))
    const endpoint = await start()
    const { socket } = await call(endpoint.port, identities, target)
    const next = await createIdentities()
    const elsewhere = await mkdtemp(join(directory, 'next-'))
    endpoint.use(await identityIn(elsewhere, next))
    await expect(call(endpoint.port, identities, target)).rejects.toThrow()
    expect((await call(endpoint.port, next, target)).statusLine).toContain('200')
    socket.end('old')
    expect(await heard(socket)).toBe('old')
  })
})

describe('stopping', () => {
  it('lets open streams end, and takes no more', async () => {
    const target = await serve((socket) => socket.pipe(socket))
    const endpoint = await start({ drainMilliseconds: 60_000 })
    const { socket } = await call(endpoint.port, identities, target)
    const stopped = endpoint[Symbol.asyncDispose]()
    await expect(call(endpoint.port, identities, target)).rejects.toThrow()
    socket.end('to the end')
    expect(await heard(socket)).toBe('to the end')
    await stopped
  })

  it('breaks what does not end in time', async () => {
    const target = await serve((socket) => socket.pipe(socket))
    const endpoint = await start({ drainMilliseconds: 20 })
    const { socket } = await call(endpoint.port, identities, target)
    await Promise.all([ended(socket), endpoint[Symbol.asyncDispose]()])
    await eventually('the end', () => (endpoint.openStreams() === 0 ? true : undefined))
  })
})
