import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { createSilentLog } from '@trellis/foundation/log'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CloudDouble, startCloudDouble } from '../testing/cloud-double.ts'
import { createApiListener, errorAnswer } from './api-server.ts'
import { requireToken } from './credentials.ts'

let double: CloudDouble
let server: ReturnType<typeof createServer>
let socketPath: string

beforeAll(async () => {
  double = await startCloudDouble()
  socketPath = join(double.directory, 'test.sock')
  const { services } = double.cloud
  server = createServer(createApiListener({ log: createSilentLog(), services, authorize: requireToken('right') }))
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  await services.networks.create({ name: 'alpha', cidr: '10.0.0.0/16' })
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await double[Symbol.asyncDispose]()
})

interface Answer {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly text: string
}

function call(method: string, path: string, body?: string, token = 'right'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (incoming) => {
      let text = ''
      incoming.on('data', (chunk: Buffer) => {
        text += chunk
      })
      incoming.on('end', () => resolve({ status: incoming.statusCode, type: incoming.headers['content-type'], text }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function errorOf(method: string, path: string, body?: unknown) {
  const answer = await call(method, path, typeof body === 'string' || body === undefined ? body : JSON.stringify(body))
  return { status: answer.status, ...(JSON.parse(answer.text) as { error: object }).error }
}

const server1 = { name: 'one', network: 'alpha', image: 'machine', flavor: 'small', userData: '' }

describe('the API', () => {
  it('makes, lists and reads', async () => {
    const made = await call('POST', '/v1/servers', JSON.stringify(server1))
    expect(made).toMatchObject({ status: 201, type: 'application/json' })
    const { id } = JSON.parse(made.text) as { id: string }
    expect((await call('POST', '/v1/servers', JSON.stringify(server1))).status).toBe(200)
    expect(JSON.parse((await call('GET', '/v1/servers?name=one&network=alpha')).text)).toMatchObject({
      items: [{ id }],
    })
    expect(await call('GET', `/v1/servers/${id}/console?lines=3`)).toMatchObject({
      type: 'text/plain; charset=utf-8',
      text: `3 lines of ${id}\n`,
    })
    expect((await call('DELETE', `/v1/servers/${id}`)).status).toBe(202)
    await double.cloud.idle()
    expect((await call('GET', `/v1/servers/${id}`)).status).toBe(404)
  })

  it.each(['/v1/flavors', '/v1/images', '/v1/quota', '/v1/version', '/openapi.json'])(
    'answers GET %s',
    async (path) => {
      const answer = await call('GET', path)
      expect(answer).toMatchObject({ status: 200, type: 'application/json' })
      expect(JSON.parse(answer.text)).toBeTypeOf('object')
    },
  )

  it.each([
    { reason: 'unknown field', body: { ...server1, color: 'red' }, field: 'color' },
    { reason: 'missing field', body: { ...server1, image: undefined }, field: 'image' },
    { reason: 'wrong type', body: { ...server1, tags: { a: 1 } }, field: 'tags.a' },
    { reason: 'no RFC 1123 name', body: { ...server1, name: 'One_' }, field: 'name' },
    { reason: 'name too long', body: { ...server1, name: 'a'.repeat(64) }, field: 'name' },
    { reason: 'user-data too long', body: { ...server1, userData: 'x'.repeat(16_385) }, field: 'userData' },
  ])('refuses a server with $reason', async ({ body, field }) => {
    const remedy = expect.any(String)
    expect(await errorOf('POST', '/v1/servers', body)).toMatchObject({ status: 400, kind: 'Invalid', field, remedy })
  })

  it.each([
    { method: 'POST', path: '/v1/servers', body: '{', status: 400, kind: 'Invalid' },
    { method: 'POST', path: '/v1/servers', body: `"${'x'.repeat(300_000)}"`, status: 400, kind: 'Invalid' },
    { method: 'GET', path: '/v1/servers?colour=red', status: 400, kind: 'Invalid' },
    { method: 'GET', path: '/v1/servers?tag=x', status: 200 },
    { method: 'GET', path: '/v1/servers/srv-none/console?lines=0', status: 400, kind: 'Invalid' },
    { method: 'GET', path: '/v1/servers/srv-none', status: 404, kind: 'NotFound' },
    { method: 'GET', path: '/v1/servers/%ff', status: 400, kind: 'Invalid' },
    { method: 'GET', path: '/v2/servers', status: 404, kind: 'NotFound' },
    { method: 'PUT', path: '/v1/servers', status: 404, kind: 'NotFound' },
    { method: 'PUT', path: '/v1/load-balancers/Door_', body: '{}', status: 400, kind: 'Invalid' },
    { method: 'DELETE', path: '/v1/networks/net-none', status: 404, kind: 'NotFound' },
  ])('answers $method $path with $status', async ({ method, path, body, status, kind }) => {
    const answer = await call(method, path, body)
    expect(answer.status).toBe(status)
    if (kind !== undefined) expect(JSON.parse(answer.text)).toMatchObject({ error: { kind } })
  })

  it.each(['', 'wrong', 'right '])('lets nobody in with token "%s"', async (token) => {
    const answer = await call('GET', '/v1/version', undefined, token === 'right ' ? 'rightx' : token)
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { kind: 'Unauthorized', remedy: expect.any(String) } })
  })
})

it('tells nothing of its own faults', () => {
  expect(errorAnswer(new TypeError('secret detail'))).toEqual({
    status: 500,
    body: { error: { kind: 'Unavailable', message: expect.not.stringContaining('secret') } },
  })
})
