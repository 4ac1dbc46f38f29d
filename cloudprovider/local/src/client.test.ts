import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { type CloudClient, createCloudClient, queryOf } from './client.ts'
import { createHttpCaller, failureOfAnswer } from './http-caller.ts'

interface Seen {
  readonly line: string
  readonly body: string
}

async function withCloud(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  work: (client: CloudClient, seen: readonly Seen[], socketPath: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-client-'))
  const socketPath = join(directory, 'cloud.sock')
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ line: `${request.method} ${request.url}`, body })
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  using client = createCloudClient({ socketPath })
  try {
    await work(client, seen, socketPath)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true, force: true })
  }
}

/** The cloud's own description, read as data: rooms do not import each other's processes. */
const description = join(import.meta.dirname, '../../../localcloud/openapi.json')

function servedOperations(): readonly string[] {
  const { paths } = JSON.parse(readFileSync(description, 'utf8')) as { paths: Record<string, object> }
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '*')}`),
    )
    .sort()
}

function operationsOf(seen: readonly Seen[]): readonly string[] {
  const known = servedOperations()
  return seen
    .map(({ line }) => line.replace(/\?.*/, ''))
    .map((line) => known.find((it) => new RegExp(`^${it.replaceAll('*', '[^/]+')}$`).test(line)) ?? line)
    .sort()
}

describe('the caller', () => {
  it('says Timeout when the cloud takes a call and is silent, and Unavailable when it hangs up', async () => {
    let hangs = false
    const answer = (request: IncomingMessage) => {
      if (hangs) request.socket.destroy()
    }
    await withCloud(answer, async (_client, _seen, socketPath) => {
      using caller = createHttpCaller({ socketPath }, 50)
      await expect(caller.call('GET', '/v1/version', undefined, undefined)).rejects.toMatchObject({ kind: 'Timeout' })
      hangs = true
      await expect(caller.call('GET', '/v1/version', undefined, undefined)).rejects.toMatchObject({
        kind: 'Unavailable',
      })
    })
  })

  it.each([
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [408, 'Timeout'],
    [504, 'Timeout'],
    [500, 'Unavailable'],
  ])('folds a bare status %i into %s', (status, kind) => {
    expect(failureOfAnswer({ status, text: '' }).kind).toBe(kind)
  })

  it('believes the kind that the cloud names rather than the status', () => {
    const text = JSON.stringify({ error: { kind: 'Exhausted', message: 'quota' } })
    expect(failureOfAnswer({ status: 403, text }).kind).toBe('Exhausted')
  })
})

describe('the cloud client', () => {
  it('sends each method to its route', async () => {
    await withCloud(
      (_, response) => response.end(JSON.stringify({ items: [] })),
      async (client, seen) => {
        await client.version()
        await client.flavors()
        await client.images()
        await client.quota()
        await client.createNetwork({ name: 'n', cidr: '10.0.0.0/16' })
        await client.listNetworks({ tags: { a: 'b c' } })
        await client.getNetwork('net-1')
        await client.deleteNetwork('net-1')
        await client.createRoute('net-1', { destination: '10.1.0.0/24', nextHopServer: 'srv-1' })
        await client.listRoutes('net-1')
        await client.deleteRoute('net-1', 'rt-1')
        await client.createServer({ name: 's', network: 'n', image: 'i', flavor: 'f', userData: '' })
        await client.listServers({ name: 's', network: 'n' })
        await client.getServer('srv/1')
        await client.deleteServer('srv-1')
        await client.console('srv-1', 5)
        await client.setLoadBalancer('lb', { network: 'n', listeners: [], targets: [] })
        await client.listLoadBalancers()
        await client.getLoadBalancer('lb')
        await client.deleteLoadBalancer('lb')
        expect(seen.map(({ line }) => line)).toEqual([
          'GET /v1/version',
          'GET /v1/flavors',
          'GET /v1/images',
          'GET /v1/quota',
          'POST /v1/networks',
          'GET /v1/networks?tag=a%3Db+c',
          'GET /v1/networks/net-1',
          'DELETE /v1/networks/net-1',
          'POST /v1/networks/net-1/routes',
          'GET /v1/networks/net-1/routes',
          'DELETE /v1/networks/net-1/routes/rt-1',
          'POST /v1/servers',
          'GET /v1/servers?name=s&network=n',
          'GET /v1/servers/srv%2F1',
          'DELETE /v1/servers/srv-1',
          'GET /v1/servers/srv-1/console?lines=5',
          'PUT /v1/load-balancers/lb',
          'GET /v1/load-balancers',
          'GET /v1/load-balancers/lb',
          'DELETE /v1/load-balancers/lb',
        ])
        expect(operationsOf(seen), 'the client knows exactly what the cloud serves').toEqual(servedOperations())
        expect(seen[4]?.body).toBe('{"name":"n","cidr":"10.0.0.0/16"}')
      },
    )
  })

  it('folds the cloud’s errors into failures', async () => {
    const error = {
      kind: 'Exhausted',
      message: 'quota servers: limit 1, used 1, asked 1',
      field: 'flavor',
      remedy: 'r',
    }
    await withCloud(
      (_, response) => response.writeHead(403).end(JSON.stringify({ error })),
      async (client) => {
        const failure = await client.getServer('x').catch((caught: unknown) => caught)
        expect(failure).toBeInstanceOf(Failure)
        expect(failure).toMatchObject(error)
      },
    )
  })

  it.each([
    { status: 202, outcome: 'deleting' },
    { status: 204, outcome: 'gone' },
    { status: 404, outcome: 'gone' },
  ])('a deletion answered with $status is $outcome', async ({ status, outcome }) => {
    await withCloud(
      (_, response) => response.writeHead(status).end(),
      async (client) => expect(await client.deleteServer('x')).toBe(outcome),
    )
  })

  it('says that the cloud is not there', async () => {
    using client = createCloudClient({ socketPath: join(tmpdir(), 'no-such-cloud.sock') })
    const failure = await client.version().catch((caught: unknown) => caught)
    expect(isFailure(failure, 'Unavailable')).toBe(true)
  })

  it('rejects with the reason of an aborted signal', async () => {
    const controller = new AbortController()
    await withCloud(
      () => controller.abort('enough'),
      async (client) => {
        await expect(client.version({ signal: controller.signal })).rejects.toBe('enough')
        await expect(client.version({ signal: controller.signal })).rejects.toBe('enough')
      },
    )
  })

  it('refuses an endpoint that is not https', () => {
    expect(() => createCloudClient({ endpoint: 'http://x', token: '', caBundle: '' })).toThrow('not an https address')
  })
})

describe('failureOfAnswer', () => {
  it.each([
    { reason: 'no body', answer: { status: 404, text: '' }, kind: 'NotFound' },
    { reason: 'not JSON', answer: { status: 409, text: '<html>' }, kind: 'Conflict' },
    { reason: 'unknown kind', answer: { status: 400, text: '{"error":{"kind":"New"}}' }, kind: 'Invalid' },
    { reason: 'unknown status', answer: { status: 418, text: 'null' }, kind: 'Unavailable' },
    { reason: 'server error', answer: { status: 500, text: '{"error":3}' }, kind: 'Unavailable' },
  ])('$reason', ({ answer, kind }) => {
    expect(failureOfAnswer(answer).kind).toBe(kind)
  })

  it('keeps the moment to try again', () => {
    expect(failureOfAnswer({ status: 429, text: '' }, '3').retryAfterMilliseconds).toBe(3000)
  })
})

describe('queryOf', () => {
  it('is empty without a filter', () => expect(queryOf()).toBe(''))
  it('repeats tags', () => expect(queryOf({ tags: { a: '1', b: '2' } })).toBe('?tag=a%3D1&tag=b%3D2'))
})
