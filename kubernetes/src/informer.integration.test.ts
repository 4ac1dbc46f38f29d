import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts'
import { type Damage, type FaultProxy, startFaultProxy } from '../testing/fault-proxy.ts'
import { testInformer } from '../testing/informer-conformance.ts'
import { configMap, configMaps, namespaces } from '../testing/kinds.ts'
import { type ConnectedClient, createClient } from './client.ts'
import { createInformer } from './informer.ts'
import { waitForInformer } from './wait.ts'

const clock = createSystemClock()
const random = createSystemRandom()
let controlPlane: TestControlPlane
let proxy: FaultProxy
let client: ConnectedClient
let count = 0

const clientThroughProxy = (withClock = clock) =>
  createClient({
    clock: withClock,
    kubeconfig: { server: proxy.url, skipTlsVerify: false, user: { token: { text: controlPlane.token } } },
    userAgent: 'informer-test/0',
  })

beforeAll(async () => {
  controlPlane = await startTestControlPlane()
  proxy = await startFaultProxy(controlPlane)
  client = clientThroughProxy()
})
afterAll(async () => {
  client?.[Symbol.dispose]()
  await proxy?.[Symbol.asyncDispose]()
  await controlPlane?.[Symbol.asyncDispose]()
})

const namespace = async () => {
  const name = `namespace-${count++}`
  await controlPlane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

describe.each(['stream', 'pages'] as const)('informer over a real API server (%s)', (initialList) => {
  testInformer(
    () => ({
      clock,
      random,
      client,
      admin: controlPlane.client,
      namespace,
      disconnect: () => proxy.reset(),
      setDown: (down) => {
        proxy.refuse(down)
        if (down) proxy.reset()
      },
      forget: () => controlPlane.restartApiServer(),
    }),
    initialList,
  )

  const start = async (from: ConnectedClient) => {
    const name = await namespace()
    const informer = createInformer({
      client: from,
      resource: configMaps,
      selection: { namespace: name },
      clock,
      random,
      log: createSilentLog(),
      initialList,
    })
    const additions: string[] = []
    informer.onChange(({ key, before }) => {
      if (before === undefined) additions.push(key.name)
    })
    const stop = new AbortController()
    const run = informer.run(stop.signal)
    const until = (names: readonly string[]) =>
      waitForInformer({
        informer,
        clock,
        until: () => names.every((wanted) => informer.get({ namespace: name, name: wanted }) !== undefined),
        timeoutMilliseconds: 30_000,
        description: `holding ${names.join(' ')}`,
      })
    const create = (wanted: string) => controlPlane.client.create(configMaps, configMap(name, wanted))
    const end = async () => {
      stop.abort()
      await run
    }
    await informer.synced()
    return { informer, additions, until, create, [Symbol.asyncDispose]: end }
  }

  it.each<Damage>(['cut and reset', 'cut and end', 'garbled'])('loses nothing when an event is %s', async (damage) => {
    await using world = await start(client)
    const damaged = proxy.damageNextLine(damage)
    await world.create('a')
    await damaged
    await world.create('b')
    await world.until(['a', 'b'])
    expect(world.additions).toEqual(['a', 'b'])
  })

  it('gives up a connection that has fallen silent', async () => {
    const virtual = createVirtualClock()
    using impatient = clientThroughProxy(virtual)
    await using world = await start(impatient)
    await world.create('a')
    await world.until(['a'])
    proxy.stall(true)
    await world.create('b')
    // The stalled answers are let go only once the old watch is dead: what arrives must come over a new one.
    await virtual.advance(180_000)
    proxy.stall(false)
    await world.until(['a', 'b'])
    expect(world.additions).toEqual(['a', 'b'])
  })

  it('comes through a restart of the API server', async () => {
    await using world = await start(client)
    await world.create('a')
    await world.until(['a'])
    await controlPlane.stopApiServer()
    await controlPlane.startApiServer()
    await world.create('b')
    await world.until(['a', 'b'])
    expect(world.additions).toEqual(['a', 'b'])
  })

  it('comes through compaction of etcd while a paged list is under way', async () => {
    const name = await namespace()
    for (let index = 0; index < 10; index++) {
      await controlPlane.client.create(configMaps, configMap(name, `object-${index}`))
    }
    let pages = 0
    const compacting: ConnectedClient = {
      ...client,
      list: async (resource, options) => {
        pages += 1
        if (pages === 3) await controlPlane.compact()
        return client.list(resource, options)
      },
    }
    const informer = createInformer({
      client: compacting,
      resource: configMaps,
      selection: { namespace: name },
      clock,
      random,
      log: createSilentLog(),
      pageSize: 2,
      initialList: 'pages',
    })
    const stop = new AbortController()
    const run = informer.run(stop.signal)
    await informer.synced()
    expect(informer.list()).toHaveLength(10)
    expect(pages).toBeGreaterThanOrEqual(4)
    stop.abort()
    await run
  })
})
