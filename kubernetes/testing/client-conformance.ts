import { nodes } from '@trellis/api/core/node'
import { isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import type { Client } from '../src/client.ts'
import { configMaps, garden, gardens, ingress, ingresses, configMap as makeConfigMap } from './kinds.ts'

/** A client under test, and a namespace of its own for each test. */
export interface ClientHarness {
  readonly client: Client
  namespace(): Promise<string>
}

/** What every client must do, whatever is behind it. Call it within a `describe`; `harness` is asked once a test runs. */
export function testClient(harness: () => ClientHarness): void {
  testReading(harness)
  testWriting(harness)
  testPatching(harness)
  testApplying(harness)
  testDeleting(harness)
  testListing(harness)
}

async function begin(harness: () => ClientHarness) {
  const { client } = harness()
  const namespace = await harness().namespace()
  const key = (name: string) => ({ namespace, name })
  const configMap = (name: string, data?: Record<string, string>, metadata?: Parameters<typeof makeConfigMap>[3]) =>
    makeConfigMap(namespace, name, data, metadata)
  return { client, namespace, key, configMap }
}

/** Expects a rejection of that kind and returns what was thrown. */
async function failure(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isFailure(error)) throw new TypeError(`expected a failure, not ${error}`)
  return error
}

function testReading(harness: () => ClientHarness): void {
  it('creates an object and reads it back', async () => {
    const { client, key, configMap } = await begin(harness)
    const created = await client.create(configMaps, configMap('one', { a: '1' }))
    expect(created.metadata).toMatchObject({
      name: 'one',
      uid: expect.any(String),
      resourceVersion: expect.any(String),
    })
    expect(created).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } })
    expect(await client.get(configMaps, key('one'))).toEqual(created)
    expect(await client.find(configMaps, key('one'))).toEqual(created)
  })

  it('tells an absent object from a fault', async () => {
    const { client, key } = await begin(harness)
    expect((await failure(client.get(configMaps, key('nobody')))).kind).toBe('NotFound')
    expect(await client.find(configMaps, key('nobody'))).toBeUndefined()
  })

  it('refuses a key without a namespace before asking', async () => {
    const { client } = await begin(harness)
    expect(await failure(client.get(configMaps, { name: 'one' }))).toMatchObject({
      kind: 'Invalid',
      field: 'metadata.namespace',
    })
    expect(await failure(client.get(configMaps, { namespace: 'a', name: '' }))).toMatchObject({
      field: 'metadata.name',
    })
  })
}

function testWriting(harness: () => ClientHarness): void {
  it('refuses to create what exists', async () => {
    const { client, configMap } = await begin(harness)
    await client.create(configMaps, configMap('one'))
    expect((await failure(client.create(configMaps, configMap('one')))).kind).toBe('Conflict')
  })

  it('makes names that begin as asked', async () => {
    const { client, configMap } = await begin(harness)
    const created = await client.create(configMaps, configMap('', {}, { generateName: 'made-' }))
    expect(created.metadata.name).toMatch(/^made-.{5}$/)
  })

  it('names the field of a bad object', async () => {
    const { client, configMap } = await begin(harness)
    expect(await failure(client.create(configMaps, configMap('Not_A_Name')))).toMatchObject({
      kind: 'Invalid',
      field: 'metadata.name',
    })
  })

  it('guards a replacement by its resource version', async () => {
    const { client, configMap } = await begin(harness)
    const first = await client.create(configMaps, configMap('one', { a: '1' }))
    const second = await client.replace(configMaps, { ...first, data: { a: '2' } })
    expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion)
    expect((await failure(client.replace(configMaps, { ...first, data: { a: '3' } }))).kind).toBe('Conflict')
    expect((await client.replace(configMaps, configMap('one', { a: '4' }))).data).toEqual({ a: '4' })
  })

  it('keeps the version of an object that does not change', async () => {
    const { client, configMap } = await begin(harness)
    const first = await client.create(configMaps, configMap('one', { a: '1' }))
    const second = await client.replace(configMaps, first)
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  })

  it('replaces a custom resource only when it says which version it has seen', async () => {
    const { client, namespace } = await begin(harness)
    const first = await client.create(gardens, garden(namespace, 'a', 1))
    const expected = { kind: 'Invalid', field: 'metadata.resourceVersion' }
    expect(await failure(client.replace(gardens, garden(namespace, 'a', 2)))).toMatchObject(expected)
    expect(await failure(client.replaceStatus(gardens, garden(namespace, 'a', 2)))).toMatchObject(expected)
    const second = await client.replace(gardens, { ...first, spec: { size: 2 }, status: { trees: 9 } })
    expect(second).toMatchObject({ spec: { size: 2 }, metadata: { generation: 2 } })
    expect(second.status).toBeUndefined()
    const third = await client.replaceStatus(gardens, { ...second, spec: { size: 3 }, status: { trees: 4 } })
    expect(third).toMatchObject({ spec: { size: 2 }, status: { trees: 4 }, metadata: { generation: 2 } })
    expect((await failure(client.replaceStatus(gardens, { ...second, status: { trees: 5 } }))).kind).toBe('Conflict')
  })

  it('patches and applies a custom resource without a version', async () => {
    const { client, namespace, key } = await begin(harness)
    await client.create(gardens, garden(namespace, 'a', 1))
    const patched = await client.patch(gardens, key('a'), { status: { trees: 2 } }, { subresource: 'status' })
    expect(patched).toMatchObject({ spec: { size: 1 }, status: { trees: 2 } })
    const status = { ...garden(namespace, 'a', 7), status: { trees: 3 } }
    expect(await client.apply(gardens, garden(namespace, 'a', 5))).toMatchObject({
      spec: { size: 5 },
      status: { trees: 2 },
    })
    expect((await client.apply(gardens, status, { subresource: 'status' })).status).toEqual({ trees: 3 })
  })

  it('writes status apart from the rest, and counts generations of the rest only', async () => {
    const { client, namespace } = await begin(harness)
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }
    const first = await client.create(ingresses, { ...ingress(namespace, 'web', 80), status })
    expect(first.status?.loadBalancer?.ingress).toBeUndefined()
    expect(first.metadata.generation).toBe(1)
    const second = await client.replaceStatus(ingresses, { ...ingress(namespace, 'web', 99), status })
    expect(second).toMatchObject({ status, spec: first.spec, metadata: { generation: 1 } })
    const third = await client.replace(ingresses, { ...second, spec: ingress(namespace, 'web', 81).spec, status: {} })
    expect(third).toMatchObject({ status, metadata: { generation: 2 } })
  })
}

function testPatching(harness: () => ClientHarness): void {
  it('merges', async () => {
    const { client, key, configMap } = await begin(harness)
    await client.create(configMaps, configMap('one', { a: '1', b: '2' }, { labels: { x: 'y' } }))
    const patched = await client.patch(configMaps, key('one'), { data: { a: null, c: '3' } })
    expect(patched).toMatchObject({ metadata: { labels: { x: 'y' } } })
    expect(patched.data).toEqual({ b: '2', c: '3' })
  })

  it('guards a patch by the resource version in it', async () => {
    const { client, key, configMap } = await begin(harness)
    const { metadata } = await client.create(configMaps, configMap('one'))
    await client.patch(configMaps, key('one'), { data: { a: '1' } })
    const stale = { metadata: { resourceVersion: metadata.resourceVersion }, data: { a: '2' } }
    expect((await failure(client.patch(configMaps, key('one'), stale))).kind).toBe('Conflict')
  })

  it('carries out operations', async () => {
    const { client, key, configMap } = await begin(harness)
    await client.create(configMaps, configMap('one', { a: '1' }, { labels: { 'example.com/b': '2' } }))
    const operations = [
      { op: 'replace', path: '/data/a', value: '9' },
      { op: 'remove', path: '/metadata/labels/example.com~1b' },
      { op: 'add', path: '/metadata/finalizers', value: ['example.com/one'] },
      { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/two' },
    ]
    const patched = await client.patch(configMaps, key('one'), operations, { type: 'json' })
    expect(patched.data).toEqual({ a: '9' })
    expect(patched.metadata.labels ?? {}).toEqual({})
    expect(patched.metadata.finalizers).toEqual(['example.com/one', 'example.com/two'])
    const impossible = [{ op: 'remove', path: '/data/nothing' }]
    expect((await failure(client.patch(configMaps, key('one'), impossible, { type: 'json' }))).kind).toBe('Invalid')
  })

  it('patches the status alone', async () => {
    const { client, namespace, key } = await begin(harness)
    await client.create(ingresses, ingress(namespace, 'web', 80))
    const patch = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }, metadata: { labels: { no: 'no' } } }
    const patched = await client.patch(ingresses, key('web'), patch, { subresource: 'status' })
    expect(patched.status).toEqual(patch.status)
    expect((await client.patch(ingresses, key('web'), { status: { loadBalancer: null } })).status).toEqual(patch.status)
  })

  it('merges conditions by their type in a strategic patch', async () => {
    const { client, namespace } = await begin(harness)
    const name = `node-of-${namespace}`
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } })
    const state = (type: string, status: string) =>
      client.patch(
        nodes,
        { name },
        { status: { conditions: [{ type, status }] } },
        { type: 'strategic', subresource: 'status' },
      )
    await state('Ready', 'True')
    await state('Custom', 'False')
    const { status } = await state('Custom', 'True')
    await client.delete(nodes, { name })
    const said = new Map(status?.conditions?.map(({ type, status }) => [type, status]))
    expect([...said].sort()).toEqual([
      ['Custom', 'True'],
      ['Ready', 'True'],
    ])
  })

  it('does not make what is absent', async () => {
    const { client, key } = await begin(harness)
    expect((await failure(client.patch(configMaps, key('nobody'), { data: {} }))).kind).toBe('NotFound')
  })
}

function testApplying(harness: () => ClientHarness): void {
  it('creates, then sets what is named and takes away what is no longer named', async () => {
    const { client, configMap } = await begin(harness)
    const first = await client.apply(configMaps, configMap('one', { a: '1', b: '2' }))
    expect(first.data).toEqual({ a: '1', b: '2' })
    const second = await client.apply(configMaps, configMap('one', { a: '3' }))
    expect(second.data).toEqual({ a: '3' })
    expect(second.metadata.uid).toBe(first.metadata.uid)
  })

  it('leaves alone what others set', async () => {
    const { client, key, configMap } = await begin(harness)
    await client.apply(configMaps, configMap('one', { a: '1' }))
    await client.patch(configMaps, key('one'), { data: { theirs: '1' } })
    expect((await client.apply(configMaps, configMap('one', { a: '2' }))).data).toEqual({ a: '2', theirs: '1' })
  })

  it('changes nothing when nothing changes', async () => {
    const { client, configMap } = await begin(harness)
    const first = await client.apply(configMaps, configMap('one', { a: '1' }))
    const second = await client.apply(configMaps, configMap('one', { a: '1' }))
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  })
}

function testDeleting(harness: () => ClientHarness): void {
  it('deletes, once or twice', async () => {
    const { client, key, configMap } = await begin(harness)
    await client.create(configMaps, configMap('one'))
    await client.delete(configMaps, key('one'))
    await client.delete(configMaps, key('one'))
    expect(await client.find(configMaps, key('one'))).toBeUndefined()
  })

  it('deletes only the incarnation that was meant', async () => {
    const { client, key, configMap } = await begin(harness)
    const { metadata } = await client.create(configMaps, configMap('one'))
    const other = '00000000-0000-4000-8000-000000000000'
    expect((await failure(client.delete(configMaps, key('one'), { uid: other }))).kind).toBe('Conflict')
    await client.delete(configMaps, key('one'), metadata.uid === undefined ? {} : { uid: metadata.uid })
    expect(await client.find(configMaps, key('one'))).toBeUndefined()
  })

  it('keeps an object until its last finalizer is gone', async () => {
    const { client, key, configMap } = await begin(harness)
    await client.create(configMaps, configMap('one', {}, { finalizers: ['example.com/a', 'example.com/b'] }))
    await client.delete(configMaps, key('one'))
    const dying = await client.get(configMaps, key('one'))
    expect(dying.metadata.deletionTimestamp).toMatch(/^\d{4}-.*Z$/)
    await client.delete(configMaps, key('one'))
    await client.patch(configMaps, key('one'), { metadata: { finalizers: ['example.com/b'] } })
    expect((await client.get(configMaps, key('one'))).metadata.deletionTimestamp).toBe(dying.metadata.deletionTimestamp)
    await client.patch(configMaps, key('one'), { metadata: { finalizers: null } })
    expect(await client.find(configMaps, key('one'))).toBeUndefined()
  })
}

function testListing(harness: () => ClientHarness): void {
  it('lists a namespace in pages that show one moment', async () => {
    const { client, namespace, key, configMap } = await begin(harness)
    for (const name of ['a', 'b', 'c', 'd', 'e']) await client.create(configMaps, configMap(name))
    const first = await client.list(configMaps, { namespace, limit: 2 })
    expect(first.items.map((item) => item.metadata.name)).toEqual(['a', 'b'])
    expect(first.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
    await client.create(configMaps, configMap('late'))
    await client.delete(configMaps, key('c'))
    const token = first.metadata.continue
    const second = await client.list(configMaps, { namespace, limit: 10, ...(token && { continue: token }) })
    expect(second.items.map((item) => item.metadata.name)).toEqual(['c', 'd', 'e'])
    expect(second.metadata.continue ?? '').toBe('')
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  })

  it('lists by labels and by name', async () => {
    const { client, namespace, configMap } = await begin(harness)
    await client.create(configMaps, configMap('a', {}, { labels: { color: 'red', size: 'big' } }))
    await client.create(configMaps, configMap('b', {}, { labels: { color: 'blue' } }))
    await client.create(configMaps, configMap('c'))
    const names = async (options: { labelSelector?: string; fieldSelector?: string }) =>
      (await client.list(configMaps, { namespace, ...options })).items.map((item) => item.metadata.name)
    expect(await names({ labelSelector: 'color=red' })).toEqual(['a'])
    expect(await names({ labelSelector: 'color in (red,blue)' })).toEqual(['a', 'b'])
    expect(await names({ labelSelector: 'color!=red' })).toEqual(['b', 'c'])
    expect(await names({ labelSelector: 'color,!size' })).toEqual(['b'])
    expect(await names({ fieldSelector: 'metadata.name=c' })).toEqual(['c'])
    expect((await failure(names({ labelSelector: '=' }))).kind).toBe('Invalid')
  })

  it('lists across namespaces', async () => {
    const one = await begin(harness)
    const two = await begin(harness)
    await one.client.create(configMaps, one.configMap('here', {}, { labels: { across: one.namespace } }))
    await two.client.create(configMaps, two.configMap('there', {}, { labels: { across: one.namespace } }))
    const { items } = await one.client.list(configMaps, { labelSelector: `across=${one.namespace}` })
    expect(items.map((item) => item.metadata.namespace).sort()).toEqual([one.namespace, two.namespace].sort())
  })
}
