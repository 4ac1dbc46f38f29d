import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { exampleSecret } from '../testing/example-class.ts'
import { type ScriptedAnswer, type ScriptedCloud, startScriptedCloud } from '../testing/scripted-cloud.ts'
import type { OpenStackClient } from './client.ts'
import { connectOpenStack } from './connect.ts'
import { parseCredentials } from './credentials.ts'

const clock = createSystemClock()

const applicationCredential: Readonly<Record<string, string>> = {
  password: '',
  applicationCredentialID: 'a1',
  applicationCredentialSecret: 'hidden',
}

function clientOf(
  cloud: ScriptedCloud,
  change: {
    secret?: Readonly<Record<string, string>>
    region?: string
    silenceMilliseconds?: number
    clock?: Clock
  } = {},
) {
  const { secret = {}, region = 'RegionOne', ...rest } = change
  return connectOpenStack({
    clock,
    credentials: parseCredentials({ ...exampleSecret, ...secret, authURL: cloud.authUrl }),
    wish: { region },
    budget: createCallBudget({ clock }, { perSecond: 1000, burst: 1000, leastPerSecond: 1 }),
    environment: {},
    ...rest,
  })
}

const withCloud = (work: (cloud: ScriptedCloud, client: OpenStackClient) => Promise<void>) => async () => {
  await using cloud = await startScriptedCloud(clock.now)
  using client = clientOf(cloud, { silenceMilliseconds: 200 })
  await work(cloud, client)
}

const loginsOf = (cloud: ScriptedCloud) => cloud.seen.filter(({ path }) => path === '/v3/auth/tokens').length

describe('a connection to OpenStack', () => {
  it(
    'logs in once for many calls, and shows the token and the microversion',
    withCloud(async (cloud, client) => {
      await Promise.all([client.servers.list({ name: '^(a|b)$' }), client.servers.list({ tags: 'x,y' })])
      expect(loginsOf(cloud)).toBe(1)
      const calls = cloud.seen.slice(1)
      expect(calls.map(({ path }) => path).sort()).toEqual([
        '/nova/v2.1/servers/detail?name=%5E%28a%7Cb%29%24',
        '/nova/v2.1/servers/detail?tags=x%2Cy',
      ])
      for (const { headers } of calls) {
        expect(headers['x-auth-token']).toBe('token-1')
        expect(headers['openstack-api-version']).toBe('compute 2.52')
      }
    }),
  )

  it(
    'asks for a higher microversion where it is needed',
    withCloud(async (cloud, client) => {
      cloud.answer = () => ({ status: 202, body: { server: { id: 'server-1' } } })
      const wish = { server: { name: 'a' }, hints: { group: 'g' }, microversion: '2.67' }
      expect(await client.createServer(wish)).toEqual({ id: 'server-1' })
      expect(cloud.seen.at(-1)).toMatchObject({
        method: 'POST',
        path: '/nova/v2.1/servers',
        headers: { 'openstack-api-version': 'compute 2.67' },
        body: { server: { name: 'a' }, 'os:scheduler_hints': { group: 'g' } },
      })
    }),
  )

  it(
    'gets a new token once when one is refused, and gives up on the second refusal',
    withCloud(async (cloud, client) => {
      cloud.answer = ({ headers }) =>
        headers['x-auth-token'] === 'token-1' ? { status: 401 } : { status: 200, body: { servers: [] } }
      expect(await client.servers.list({})).toEqual([])
      expect(loginsOf(cloud)).toBe(2)
      cloud.answer = () => ({ status: 401 })
      await expect(client.servers.list({})).rejects.toMatchObject({ kind: 'Unauthorized' })
      expect(loginsOf(cloud)).toBe(3)
    }),
  )

  it.each([
    { lifetime: 3_600_000, passes: 3_541_000, logins: 2 },
    { lifetime: 3_600_000, passes: 3_539_000, logins: 1 },
    { lifetime: 30_000, passes: 1000, logins: 1 },
    { lifetime: 30_000, passes: 16_000, logins: 2 },
  ])(
    'has logged in $logins times $passes ms into the $lifetime ms of a token',
    async ({ lifetime, passes, logins }) => {
      const time = createVirtualClock()
      await using cloud = await startScriptedCloud(time.now)
      cloud.lifetimeMilliseconds = lifetime
      using client = clientOf(cloud, { clock: time })
      await client.servers.list({})
      await time.advance(passes)
      await client.servers.list({})
      expect(loginsOf(cloud)).toBe(logins)
    },
  )

  it.each([
    {
      reason: 'an application credential that is gone',
      secret: applicationCredential,
      kind: 'Unauthorized',
      field: undefined,
    },
    { reason: 'a path that is not Keystone’s', secret: {}, kind: 'Invalid', field: 'secretRef.data.authURL' },
  ])('does not say of anything that it is gone for $reason', async ({ secret, kind, field }) => {
    await using cloud = await startScriptedCloud(clock.now)
    cloud.loginRefusal = { status: 404, body: { error: { message: 'Could not find it.' } } }
    using client = clientOf(cloud, { secret })
    await expect(client.servers.remove('server-1')).rejects.toMatchObject({ kind, field })
  })

  it(
    'joins the pages of a list, and believes only the query of where the next one is',
    withCloud(async (cloud, client) => {
      cloud.answer = ({ path }) =>
        path.includes('marker')
          ? { status: 200, body: { servers: [{ id: 'b' }] } }
          : {
              status: 200,
              body: {
                servers: [{ id: 'a' }],
                servers_links: [{ rel: 'next', href: 'http://inner.example.org/v2.1/servers?marker=a' }],
              },
            }
      expect(await client.servers.list({})).toEqual([{ id: 'a' }, { id: 'b' }])
    }),
  )

  it(
    'keeps ids inside their part of the path',
    withCloud(async (cloud, client) => {
      cloud.answer = () => ({ status: 404 })
      await expect(client.servers.get('../../flavors?x')).rejects.toMatchObject({ kind: 'NotFound' })
      expect(cloud.seen.at(-1)?.path).toBe('/nova/v2.1/servers/..%2F..%2Fflavors%3Fx')
      const before = cloud.seen.length
      await expect(client.servers.get('')).rejects.toMatchObject({ kind: 'NotFound' })
      expect(cloud.seen).toHaveLength(before)
    }),
  )

  it.each<{ reason: string; answer: ScriptedAnswer; kind: FailureKind }>([
    { reason: 'no JSON', answer: { status: 200, text: '<html>' }, kind: 'Unavailable' },
    { reason: 'no list', answer: { status: 200, body: { servers: 'many' } }, kind: 'Unavailable' },
    { reason: 'nothing', answer: { status: 200 }, kind: 'Unavailable' },
    { reason: 'a redirection', answer: { status: 302, headers: { location: 'http://x/' } }, kind: 'Unavailable' },
    { reason: 'too many calls', answer: { status: 429, headers: { 'retry-after': '3' } }, kind: 'Throttled' },
    { reason: 'a closed connection', answer: 'cut', kind: 'Unavailable' },
    { reason: 'silence', answer: 'hang', kind: 'Timeout' },
  ])('says $kind of $reason', async ({ answer, kind }) => {
    await withCloud(async (cloud, client) => {
      cloud.answer = () => answer
      await expect(client.servers.list({})).rejects.toMatchObject({ kind })
    })()
  })

  it(
    'says Timeout when a server was taken and its id is not told, since it may be there',
    withCloud(async (cloud, client) => {
      cloud.answer = () => ({ status: 202, body: {} })
      await expect(client.createServer({ server: {} })).rejects.toMatchObject({ kind: 'Timeout' })
    }),
  )

  it(
    'ends early when it is told to',
    withCloud(async (cloud, client) => {
      await client.servers.list({})
      cloud.answer = () => 'hang'
      const stop = new AbortController()
      const call = client.servers.list({}, { signal: stop.signal })
      const reason = new Failure('Unavailable', 'stopped by the test')
      await expect.poll(() => cloud.seen.length).toBe(3)
      stop.abort(reason)
      await expect(call).rejects.toBe(reason)
    }),
  )

  it('names the regions that there are, and services that are not', async () => {
    await using cloud = await startScriptedCloud(clock.now)
    using elsewhere = clientOf(cloud, { region: 'Elsewhere' })
    await expect(elsewhere.servers.list({})).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'providerSpec.spec.region',
      remedy: 'choose from RegionOne',
    })
    using client = clientOf(cloud)
    expect(await client.hasVolumes()).toBe(false)
    await expect(client.volumes.list({})).rejects.toMatchObject({ kind: 'Unimplemented' })
  })

  it('does not call Keystone again and again for a login that fails once', async () => {
    await using cloud = await startScriptedCloud(clock.now)
    using client = connectOpenStack({
      clock,
      credentials: parseCredentials({ ...exampleSecret, authURL: 'http://127.0.0.1:1' }),
      wish: { region: 'RegionOne' },
      budget: createCallBudget({ clock }, { perSecond: 1000, burst: 1000, leastPerSecond: 1 }),
      environment: {},
    })
    const [first, second] = await Promise.allSettled([client.servers.list({}), client.ports.list({})])
    expect(first).toMatchObject({ status: 'rejected', reason: { kind: 'Unavailable' } })
    expect(second).toEqual(first)
    expect(String((first as PromiseRejectedResult).reason)).not.toContain('hidden')
    expect(cloud.seen).toEqual([])
  })
})
