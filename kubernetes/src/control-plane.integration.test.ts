import { leases } from '@trellis/api/core/lease'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBinaries } from '../testing/binaries.ts'
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts'
import {
  type ConfigMap,
  configMap,
  configMaps,
  garden,
  gardenDefinition,
  gardens,
  namespaces,
  serviceAccounts,
} from '../testing/kinds.ts'
import { createClient } from './client.ts'
import { installCustomResources } from './custom-resources.ts'
import { events } from './event-kind.ts'
import { createEventRecorder } from './events.ts'
import { loadKubeconfig } from './kubeconfig.ts'
import { runWithLease } from './lease.ts'
import { statusOf } from './status.ts'
import { waitFor, waitForObject } from './wait.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const log = createSilentLog()
let controlPlane: TestControlPlane

beforeAll(async () => {
  controlPlane = await startTestControlPlane({ withControllerManager: true, extraArguments: ['--event-ttl=10m'] })
})
afterAll(() => controlPlane?.[Symbol.asyncDispose]())

describe('a control plane of one test', () => {
  it('has working controllers when it was asked for them', async () => {
    const { client } = controlPlane
    const wait = { client, clock, random, timeoutMilliseconds: 60_000 }
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'managed' } })
    await waitForObject({
      ...wait,
      resource: serviceAccounts,
      key: { namespace: 'managed', name: 'default' },
      until: () => true,
    })
    await client.create(configMaps, configMap('managed', 'doomed'))
    await client.delete(namespaces, { name: 'managed' })
    const gone = (object: unknown) => object === undefined
    await waitFor({ ...wait, resource: namespaces, key: { name: 'managed' }, until: gone })
    expect(await client.find(configMaps, { namespace: 'managed', name: 'doomed' })).toBeUndefined()
  })

  it('is missed clearly where its programs are not', async () => {
    await expect(findBinaries(undefined, ['etcd'])).rejects.toMatchObject({
      kind: 'NotFound',
      remedy: expect.stringContaining('./trellis test'),
    })
    await expect(findBinaries('/nowhere', ['etcd'])).rejects.toMatchObject({ kind: 'NotFound' })
  })
})

describe('a client of a real API server', () => {
  const kubeconfig = () => loadKubeconfig({ text: controlPlane.kubeconfig })
  const connect = async (change: object) =>
    createClient({ clock, kubeconfig: { ...(await kubeconfig()), ...change }, userAgent: 'test/0' })
  const list = { resource: configMaps, options: { namespace: 'default' } }

  it('is refused with a wrong token', async () => {
    using client = await connect({ user: { token: { text: 'wrong' } } })
    await expect(client.list(list.resource, list.options)).rejects.toMatchObject({
      kind: 'Unauthorized',
      remedy: expect.stringContaining('credentials'),
    })
  })

  it('is refused what its name may not do', async () => {
    const { user } = await kubeconfig()
    using client = await connect({ user: { ...user, impersonate: { user: 'nobody', groups: ['a', 'b'] } } })
    await expect(client.list(list.resource, list.options)).rejects.toMatchObject({ kind: 'Forbidden' })
    await expect(client.list(list.resource, list.options)).rejects.toThrow('"nobody"')
  })

  it('does not talk to a server that it cannot trust', async () => {
    using client = await connect({ certificateAuthority: undefined })
    await expect(client.list(list.resource, list.options)).rejects.toMatchObject({
      kind: 'Unavailable',
      remedy: expect.stringContaining('certificate-authority'),
    })
    using trusting = await connect({ certificateAuthority: undefined, skipTlsVerify: true })
    expect((await trusting.list(list.resource, list.options)).kind).toBe('ConfigMapList')
    using named = await connect({ tlsServerName: 'kubernetes.default.svc' })
    expect((await named.list(list.resource, list.options)).kind).toBe('ConfigMapList')
    using misnamed = await connect({ tlsServerName: 'other.example' })
    await expect(misnamed.list(list.resource, list.options)).rejects.toMatchObject({ kind: 'Unavailable' })
  })

  it('is told when a kind is not served', async () => {
    const machines = { group: 'none.example', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true }
    await expect(controlPlane.client.list(machines)).rejects.toMatchObject({
      kind: 'NotFound',
      message: expect.stringContaining('does not serve /apis/none.example/v1/things'),
      remedy: expect.stringContaining('CustomResourceDefinition'),
    })
    expect(await controlPlane.client.find(machines, { namespace: 'a', name: 'b' })).toBeUndefined()
  })

  it('owns what it applies, against others too', async () => {
    using other = createClient({ clock, kubeconfig: await kubeconfig(), userAgent: 'other/0', fieldManager: 'other' })
    const { client } = controlPlane
    await client.apply(configMaps, configMap('default', 'owned', { a: '1' }))
    const failure = await other
      .apply(configMaps, configMap('default', 'owned', { a: '2' }), { force: false })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ kind: 'Conflict' })
    expect(statusOf(failure)?.details?.causes?.[0]?.field).toBe('.data.a')
    const forced: ConfigMap & { metadata: { managedFields?: { manager: string }[] } } = await other.apply(
      configMaps,
      configMap('default', 'owned', { a: '2' }),
    )
    expect(forced.metadata.managedFields?.map(({ manager }) => manager)).toContain('other')
    expect((await other.apply(configMaps, forced)).data).toEqual({ a: '2' })
  })

  it('has kinds of its own served', async () => {
    const { client } = controlPlane
    await installCustomResources({ client, clock, random, definitions: [gardenDefinition] })
    await installCustomResources({ client, clock, random, definitions: [gardenDefinition] })
    const created = await client.create(gardens, garden('default', 'a', 3))
    await expect(client.replace(gardens, { ...created, spec: {} })).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'spec.size',
    })
    expect((await client.list(gardens, { namespace: 'default' })).items).toMatchObject([{ spec: { size: 3 } }])
  })

  it('asks what no method covers', async () => {
    const { client } = controlPlane
    expect((await client.request({ method: 'GET', path: '/readyz' })).body).toBe('ok')
    await expect(client.request({ method: 'GET', path: '/nothing' })).rejects.toMatchObject({ kind: 'NotFound' })
  })
})

describe('on a real API server', () => {
  it('a lease passes from one holder to the next', async () => {
    const { client } = controlPlane
    const turns: string[] = []
    const renewed = (times: number) => {
      const seen = new Set<string | null | undefined>()
      return waitForObject({
        client,
        clock,
        random,
        resource: leases,
        key: { namespace: 'default', name: 'controller' },
        until: ({ spec }) => seen.add(spec?.renewTime).size > times,
        timeoutMilliseconds: 30_000,
      })
    }
    const candidate = (identity: string) => {
      const stop = new AbortController()
      const working = Promise.withResolvers<void>()
      const end = runWithLease({
        client,
        clock,
        random,
        log,
        namespace: 'default',
        name: 'controller',
        identity,
        leaseDurationSeconds: 3,
        renewDeadlineSeconds: 2,
        retryPeriodSeconds: 0.2,
        signal: stop.signal,
        work: async (signal) => {
          turns.push(identity)
          working.resolve()
          await clock.sleep(60_000, signal)
        },
      })
      return { stop, working: working.promise, end }
    }
    const first = candidate('first')
    await first.working
    const second = candidate('second')
    await renewed(3)
    expect(turns).toEqual(['first'])
    first.stop.abort()
    await first.end
    await second.working
    expect(turns).toEqual(['first', 'second'])
    const lease = await client.get(leases, { namespace: 'default', name: 'controller' })
    expect(lease.spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 })
    second.stop.abort()
    await second.end
  })

  it('events are accepted and counted', async () => {
    const { client } = controlPlane
    const object = await client.create(configMaps, configMap('default', 'eventful'))
    const recorder = createEventRecorder({ client, clock, random, log, component: 'trellis.cloud/test' })
    const occurrence = { type: 'Warning', reason: 'Blocked', note: 'é'.repeat(2_000) } as const
    recorder.record(object, occurrence)
    await recorder.flush()
    recorder.record(object, occurrence)
    recorder.record(object, occurrence)
    await recorder.flush()
    recorder.record({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } }, { ...occurrence, note: 'short' })
    await recorder.flush()
    const written = (await client.list(events)).items.filter((event) => event.reason === 'Blocked')
    expect(written).toHaveLength(2)
    expect(written.find(({ regarding }) => regarding.name === 'eventful')).toMatchObject({ series: { count: 3 } })
    expect(written.find(({ regarding }) => regarding.kind === 'Node')?.metadata.namespace).toBe('default')
  })

  it('a failure to wait names what is missing', async () => {
    const { client } = controlPlane
    const waiting = waitForObject({
      client,
      clock,
      random,
      resource: configMaps,
      key: { namespace: 'default', name: 'never' },
      until: () => true,
      timeoutMilliseconds: 300,
    })
    await expect(waiting).rejects.toBeInstanceOf(Failure)
    await expect(waiting).rejects.toThrow('ConfigMap default/never is not as wanted after 0.3 s: it does not exist')
  })
})
