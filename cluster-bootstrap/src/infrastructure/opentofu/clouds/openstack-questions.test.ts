import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { askOpenStack } from './openstack-questions.ts'

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly token: string | undefined
  readonly body: unknown
}

/** A cloud that answers as told. */
async function cloud(answer: (seen: Seen, response: ServerResponse, address: string) => void) {
  const seen: Seen[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { method, url, headers } = request
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const one = { method, url, token: headers['x-auth-token'] as string | undefined, body }
    seen.push(one)
    answer(one, response, address)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    seen,
    address,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))

/** A Keystone that lets everybody in, and whatever `network` does. */
const open = (network: (response: ServerResponse) => void, url = (address: string) => address) =>
  cloud((seen, response, address) => {
    if (seen.method === 'GET') return network(response)
    const endpoint = (region: string, at: string) => ({ interface: 'public', region_id: region, url: at })
    const catalog = [
      { type: 'network', endpoints: [endpoint('other', 'http://nowhere'), endpoint('region', url(address))] },
    ]
    send(response, 201, { token: { project: { id: 'p' }, catalog } }, { 'x-subject-token': 'token' })
  })

const account = (address: string, secret: Readonly<Record<string, string>> = {}) => ({
  secret: {
    authURL: `${address}/v3/`,
    domainName: 'D',
    tenantName: 't',
    username: 'u',
    password: 'very-secret',
    ...secret,
  },
  region: 'region',
  signal: new AbortController().signal,
})

describe('asking OpenStack', () => {
  it('logs in with a password for a project', async () => {
    await using house = await open((response) => send(response, 200, { networks: [] }))
    const questions = await askOpenStack(account(house.address))
    expect(questions.projectId).toBe('p')
    expect(await questions.ask('network', '/v2.0/networks?name=x')).toEqual({ networks: [] })
    expect(house.seen).toEqual([
      {
        method: 'POST',
        url: '/v3/auth/tokens',
        token: undefined,
        body: {
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name: 'u', password: 'very-secret', domain: { name: 'D' } } },
            },
            scope: { project: { name: 't', domain: { name: 'D' } } },
          },
        },
      },
      { method: 'GET', url: '/v2.0/networks?name=x', token: 'token', body: undefined },
    ])
  })

  it.each([
    [{ applicationCredentialID: 'i' }, { id: 'i', secret: 's' }],
    [{ applicationCredentialName: 'n' }, { name: 'n', user: { name: 'u', domain: { name: 'D' } }, secret: 's' }],
  ])('logs in as an application: %j', async (secret, credential) => {
    await using house = await open(() => {})
    await askOpenStack(
      account(house.address, { ...secret, applicationCredentialSecret: 's' } as Record<string, string>),
    )
    expect(house.seen[0]?.body).toEqual({
      auth: { identity: { methods: ['application_credential'], application_credential: credential } },
    })
  })

  it('takes a catalogue with the version in its addresses', async () => {
    await using house = await open(
      (response) => send(response, 200, {}),
      (address) => `${address}/v2.0/`,
    )
    await (await askOpenStack(account(house.address))).ask('network', '/v2.0/routers')
    expect(house.seen[1]?.url).toBe('/v2.0/routers')
  })

  it('answers nothing for what does not exist', async () => {
    await using house = await open((response) => send(response, 404, 'no'))
    expect(await (await askOpenStack(account(house.address))).ask('network', '/x')).toBeUndefined()
  })

  it.each([
    [400, 'Invalid'],
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [409, 'Conflict'],
    [429, 'Throttled'],
    [500, 'Unavailable'],
  ])('fails by the status %i as %s', async (status, kind) => {
    await using house = await open((response) => send(response, status, '{}'))
    const questions = await askOpenStack(account(house.address))
    await expect(questions.ask('network', '/x')).rejects.toMatchObject({ kind })
  })

  it('does not repeat what a refused login says', async () => {
    await using house = await cloud((_seen, response) => send(response, 401, 'wrong: very-secret'))
    const login = askOpenStack(account(house.address))
    await expect(login).rejects.toMatchObject({ kind: 'Unauthorized' })
    await expect(login).rejects.not.toThrowError(/very-secret/)
  })

  it('says that the region has no such service', async () => {
    await using house = await open(() => {})
    const questions = await askOpenStack({ ...account(house.address), region: 'nowhere' })
    await expect(questions.ask('network', '/x')).rejects.toMatchObject({ kind: 'Invalid', field: 'spec.region' })
    await expect(questions.ask('compute', '/x')).rejects.toMatchObject({ kind: 'Invalid' })
  })

  it.each([
    ['no JSON', (response: ServerResponse) => send(response, 200, '<html>')],
    [
      'half an answer',
      (response: ServerResponse) =>
        void response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
    ],
    ['an answer without end', (response: ServerResponse) => send(response, 200, ' '.repeat(5 * 1024 * 1024))],
  ])('fails for now at %s', async (_what, network) => {
    await using house = await open(network)
    const questions = await askOpenStack(account(house.address))
    await expect(questions.ask('network', '/x')).rejects.toMatchObject({ kind: 'Unavailable' })
  })

  it('fails for now when nobody is there, and as told when it is called off', async () => {
    const stopped = { ...account('http://127.0.0.1:9'), signal: AbortSignal.abort(new Error('stopped')) }
    await expect(askOpenStack(account('http://127.0.0.1:9'))).rejects.toMatchObject({ kind: 'Unavailable' })
    await expect(askOpenStack(stopped)).rejects.toThrowError('stopped')
  })

  it.each(['authURL', 'username', 'password', 'tenantName'])('names the missing key %s', async (key) => {
    const lacking = account('http://127.0.0.1:9', { [key]: '' })
    await expect(askOpenStack(lacking)).rejects.toMatchObject({ kind: 'Invalid', field: `secret.${key}` })
  })
})
