import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createSystemClock } from '@trellis/foundation/clock'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { afterEach, describe, expect, it } from 'vitest'
import { configMap, configMaps } from '../testing/kinds.ts'
import { createClient } from './client.ts'
import type { Credentials } from './credentials.ts'
import { createTransport, type HttpRequest, type Transport } from './transport.ts'

let server: Server | undefined
let transport: Transport | undefined
const sockets = new Set<Socket>()

afterEach(async () => {
  transport?.[Symbol.dispose]()
  server?.closeAllConnections()
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  server = undefined
  sockets.clear()
})

async function listen(answer: RequestListener): Promise<string> {
  server = createServer(answer)
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function anonymous(): Credentials {
  return { current: async () => ({ headers: {} }), refused: () => false }
}

async function begin(answer: RequestListener, { clock = createSystemClock(), credentials = anonymous() } = {}) {
  transport = createTransport(clock, { server: await listen(answer), skipTlsVerify: false }, credentials)
  return transport
}

const get: HttpRequest = { method: 'GET', path: '/x', timeoutMilliseconds: 5_000 }

describe('transport', () => {
  it('keeps connections', async () => {
    const { send } = await begin((_request, response) => response.end('ok'))
    for (let index = 0; index < 5; index++) expect(await send(get)).toMatchObject({ status: 200, body: 'ok' })
    expect(sockets.size).toBe(1)
  })

  it('sends a read again when the kept connection turned out to be closed, but no write', async () => {
    let served = 0
    const { send } = await begin((request, response) => {
      served += 1
      if (served % 2 === 0) request.socket.resetAndDestroy()
      else response.end('ok')
    })
    expect((await send(get)).body).toBe('ok')
    expect((await send(get)).body).toBe('ok')
    expect(served).toBe(3)
    await expect(send({ ...get, method: 'POST', body: '{}' })).rejects.toMatchObject({ kind: 'Unavailable' })
    expect(served).toBe(4)
  })

  it('tells how long to wait', async () => {
    const { send } = await begin((_request, response) => response.writeHead(429, { 'retry-after': '7' }).end())
    expect(await send(get)).toMatchObject({ status: 429, retryAfterSeconds: 7 })
  })

  it('folds a refused connection', async () => {
    const { send } = createTransport(
      createSystemClock(),
      { server: 'http://127.0.0.1:1', skipTlsVerify: false },
      anonymous(),
    )
    await expect(send(get)).rejects.toMatchObject({ kind: 'Unavailable' })
  })

  it('folds an answer that breaks off', async () => {
    const { send } = await begin((request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => request.socket.resetAndDestroy())
    })
    await expect(send({ ...get, method: 'PUT' })).rejects.toMatchObject({ kind: 'Unavailable' })
  })

  it.each(['the first byte', 'the last byte'])('gives up when %s does not come in time', async (what) => {
    const clock = createVirtualClock()
    const asked = Promise.withResolvers<void>()
    const { send } = await begin(
      (_request, response) => {
        if (what === 'the last byte') response.write('half')
        asked.resolve()
      },
      { clock },
    )
    const answer = send(get)
    const outcome = expect(answer).rejects.toMatchObject({
      kind: 'Unavailable',
      message: expect.stringContaining('5000 ms'),
    })
    await asked.promise
    await clock.advance(5_000)
    await outcome
    expect(clock.pending()).toEqual([])
  })

  it('gives up when the caller does', async () => {
    const stop = new AbortController()
    const { send } = await begin(() => stop.abort(new TypeError('no longer wanted')))
    await expect(send({ ...get, signal: stop.signal })).rejects.toThrow('no longer wanted')
    await expect(send({ ...get, signal: stop.signal })).rejects.toThrow('no longer wanted')
  })

  it('asks again with new credentials when the old ones are refused, once', async () => {
    const tokens = ['old', 'new', 'newer']
    const credentials = {
      current: async () => ({ headers: { authorization: tokens[0] ?? '' } }),
      refused: () => {
        tokens.shift()
        return true
      },
    }
    const good = new Set(['new'])
    const { send } = await begin(
      (request, response) => response.writeHead(good.has(request.headers.authorization ?? '') ? 200 : 401).end(),
      { credentials },
    )
    expect((await send(get)).status).toBe(200)
    good.clear()
    expect((await send(get)).status).toBe(401)
    expect(tokens).toEqual(['newer'])
  })

  it('keeps the path of a server behind a prefix', async () => {
    const paths: string[] = []
    const url = await listen((request, response) => {
      paths.push(request.url ?? '')
      response.end('{}')
    })
    using client = createClient({
      clock: createSystemClock(),
      kubeconfig: { server: `${url}/clusters/one`, skipTlsVerify: false, user: {} },
      userAgent: 'test/1',
    })
    await client.create(configMaps, configMap('a', 'b'))
    expect(paths).toEqual(['/clusters/one/api/v1/namespaces/a/configmaps?fieldManager=test'])
  })
})
