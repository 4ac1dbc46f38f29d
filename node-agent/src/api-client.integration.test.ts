import { readFile } from 'node:fs/promises'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { isFailure } from '@trellis/foundation/failure'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createApiClient, type WatchEvent } from './api-client.ts'
import type { Access } from './render/kubeconfig.ts'

const runner = createCommandRunner()
let directory: Awaited<ReturnType<typeof createTemporaryDirectory>>
let certificate = ''
let key = ''

beforeAll(async () => {
  directory = await createTemporaryDirectory()
  const [keyFile, certificateFile] = [join(directory.path, 'key'), join(directory.path, 'certificate')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await runOrThrow(runner, 'openssl', [...kind, ...subject, '-keyout', keyFile, '-out', certificateFile])
  certificate = await readFile(certificateFile, 'utf8')
  key = await readFile(keyFile, 'utf8')
})

afterAll(() => directory[Symbol.asyncDispose]())

async function startServer(listener: RequestListener) {
  const server = createServer(
    { cert: certificate, key, ca: certificate, requestCert: true, rejectUnauthorized: false },
    listener,
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const access: Access = {
    server: `https://localhost:${(server.address() as AddressInfo).port}`,
    certificateAuthority: certificate,
  }
  return {
    access,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('createApiClient', () => {
  it('proves itself by token before there is a certificate and by certificate after', async () => {
    await using server = await startServer((request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate()
      response.end(JSON.stringify({ authorization: request.headers.authorization, peer: peer.subject?.CN }))
    })
    const accesses: Access[] = [
      { ...server.access, token: 'abcdef.0123456789abcdef' },
      { ...server.access, certificate: certificate + key, key: certificate + key },
    ]
    const client = createApiClient(async () => accesses.shift() ?? server.access)
    const call = { method: 'GET' as const, path: '/api' }
    expect(await client.call(call)).toEqual({ authorization: 'Bearer abcdef.0123456789abcdef' })
    expect(await client.call(call)).toEqual({ peer: 'localhost' })
  })

  it('sends bodies of the type that it is told', async () => {
    await using server = await startServer(async (request, response) => {
      response.end(JSON.stringify({ type: request.headers['content-type'], body: await bodyOf(request) }))
    })
    const client = createApiClient(async () => server.access)
    const answer = await client.call({
      method: 'PATCH',
      path: '/a',
      body: { ü: 1 },
      contentType: 'application/apply-patch+yaml',
    })
    expect(answer).toEqual({ type: 'application/apply-patch+yaml', body: '{"ü":1}' })
  })

  it.each([
    [401, 'Unauthorized'],
    [403, 'Unauthorized'],
    [404, 'NotFound'],
    [409, 'Conflict'],
    [410, 'Gone'],
    [422, 'Invalid'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
    [503, 'Unavailable'],
  ])('folds status %i into %s, with what the server said and without the query', async (status, kind) => {
    await using server = await startServer((_, response) => {
      response.writeHead(status).end('{"kind":"Status","message":"said the server"}')
    })
    const client = createApiClient(async () => server.access)
    const error = await failureOf(client.call({ method: 'GET', path: '/api/v1/nodes?fieldSelector=x' }))
    expect(error).toMatchObject({ kind, message: 'GET /api/v1/nodes: said the server' })
  })

  it('trusts nobody but the given authority', async () => {
    await using server = await startServer((_, response) => response.end('{}'))
    const other = join(directory.path, 'other')
    const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    await runOrThrow(runner, 'openssl', [...kind, '-subj', '/CN=localhost', '-keyout', `${other}.key`, '-out', other])
    const access = { ...server.access, certificateAuthority: await readFile(other, 'utf8') }
    const error = await failureOf(createApiClient(async () => access).call({ method: 'GET', path: '/' }))
    expect(isFailure(error, 'Unavailable')).toBe(true)
  })

  it('reads a watch line by line, however the lines arrive, until it is told to stop', async () => {
    const arrived = Promise.withResolvers<void>()
    await using server = await startServer((_, response) => {
      response.write('{"type":"ADDED","object":{"na')
      response.write('me":"a"}}\n{"type":"MODIFIED","object":{"name":"b"}}\n{"type"')
      arrived.resolve()
    })
    const stop = new AbortController()
    const events: WatchEvent<{ name: string }>[] = []
    const client = createApiClient(async () => server.access)
    const watching = client.watch<{ name: string }>(
      '/watch',
      (event) => {
        events.push(event)
        if (event.object.name === 'b') stop.abort(new Error('enough'))
      },
      stop.signal,
    )
    expect(await failureOf(watching)).toMatchObject({ message: 'enough' })
    await arrived.promise
    expect(events.map(({ type, object }) => `${type} ${object.name}`)).toEqual(['ADDED a', 'MODIFIED b'])
  })

  it('says which server does not answer', async () => {
    const access = await (async () => {
      await using server = await startServer(() => {})
      return server.access
    })()
    const error = await failureOf(createApiClient(async () => access).call({ method: 'GET', path: '/' }))
    expect(error).toMatchObject({ kind: 'Unavailable', message: `${access.server} does not answer` })
  })
})
