import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { testClient } from './client-conformance.ts'
import { createFakeClient } from './fake-client.ts'
import { configMap, configMaps } from './kinds.ts'
import { testForgottenWatch, testWatch } from './watch-conformance.ts'

const create = () => createFakeClient({ clock: createSystemClock(), random: createSeededRandom('fake') })

describe('fake client', () => {
  const client = create()
  let count = 0
  const harness = () => ({
    client,
    namespace: async () => `namespace-${count++}`,
    forget: async () => client.compact(),
  })

  describe('as a client', () => testClient(harness))
  describe('as a watch', () => testWatch(harness))
  describe('when it forgets', () => testForgottenWatch(harness))

  it('hands out copies', async () => {
    const fake = create()
    const given = configMap('a', 'b', { x: '1' })
    await fake.create(configMaps, given)
    given.data = { x: '2' }
    const got = await fake.get(configMaps, { namespace: 'a', name: 'b' })
    got.data = { x: '3' }
    expect((await fake.get(configMaps, { namespace: 'a', name: 'b' })).data).toEqual({ x: '1' })
  })

  it('fails on script and remembers what was asked', async () => {
    const fake = create()
    const stop = fake.onCall(({ method }) => {
      if (method === 'create') throw new Failure('Unavailable', 'scripted')
    })
    await expect(fake.create(configMaps, configMap('a', 'b'))).rejects.toThrow('scripted')
    stop()
    await fake.create(configMaps, configMap('a', 'b'))
    expect(fake.calls.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'create configmaps',
      'create configmaps',
    ])
  })

  it('breaks watches on script', async () => {
    const fake = create()
    const next = fake.watch(configMaps, { namespace: 'a' })[Symbol.asyncIterator]().next()
    await expect.poll(() => fake.watchCount()).toBe(1)
    fake.disconnect()
    await expect(next).rejects.toThrow('broke off')
    expect(fake.watchCount()).toBe(0)
  })

  it('evicts pods', async () => {
    const fake = create()
    const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }
    await fake.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'a', name: 'p' } })
    const path = '/api/v1/namespaces/a/pods/p/eviction'
    expect((await fake.request({ method: 'POST', path, body: {} })).status).toBe(201)
    await expect(fake.request({ method: 'POST', path, body: {} })).rejects.toMatchObject({ kind: 'NotFound' })
  })
})
