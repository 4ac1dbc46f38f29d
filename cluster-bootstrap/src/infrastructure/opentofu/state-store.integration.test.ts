import { namespaces } from '@trellis/api/core/configuration'
import { leases } from '@trellis/api/core/lease'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeStateStore, stateText } from '../../../testing/state-store-conformance.ts'
import { withStateLock } from './state-lock.ts'
import { createStateStore } from './state-store.ts'

describe('states on a real API server', () => {
  let controlPlane: TestControlPlane
  let count = 0
  beforeAll(async () => {
    controlPlane = await startTestControlPlane()
  })
  afterAll(() => controlPlane?.[Symbol.asyncDispose]())

  const open = async () => {
    const { client } = controlPlane
    const namespace = `shoot-${count++}`
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    return { client, namespace }
  }

  describeStateStore('a real API server', open)

  it('fit when they are large', async () => {
    const { client, namespace } = await open()
    const store = createStateStore(client, { namespace, name: 'state' })
    const stored = { state: stateText(1, 20_000), variables: {} }
    await store.save(stored)
    expect(await store.load()).toEqual(stored)
  })

  it('are worked at by one run after the other', async () => {
    const { client, namespace } = await open()
    const key = { namespace, name: 'state' }
    let running = 0
    const order: number[] = []
    const run = (identity: string) =>
      withStateLock(
        {
          client,
          key,
          identity,
          clock: createSystemClock(),
          random: createSystemRandom(),
          log: createSilentLog(),
          patienceMilliseconds: 60_000,
          signal: new AbortController().signal,
        },
        async () => {
          order.push(++running)
          expect((await client.get(leases, key)).spec?.holderIdentity).toBe(identity)
          running--
        },
      )
    await Promise.all([run('one'), run('two'), run('three')])
    expect(order).toEqual([1, 1, 1])
  })
})
