import type { KubernetesObject } from '@trellis/api/meta'
import { isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import type { WatchEvent, WatchOptions } from '../src/client.ts'
import type { ClientHarness } from './client-conformance.ts'
import { configMaps, configMap as makeConfigMap } from './kinds.ts'

/** What every client's watch must do. Call it within a `describe`. */
export function testWatch(harness: () => ClientHarness): void {
  const begin = async () => {
    const { client } = harness()
    const namespace = await harness().namespace()
    const create = (name: string, labels: Record<string, string> = {}) =>
      client.create(configMaps, makeConfigMap(namespace, name, {}, { labels }))
    const watch = (options: WatchOptions, stop: (events: readonly string[]) => boolean) =>
      collect((signal) => client.watch(configMaps, { namespace, ...options, signal }), stop)
    const resourceVersion = (await client.list(configMaps, { namespace })).metadata.resourceVersion ?? ''
    return { client, namespace, create, watch, resourceVersion, key: (name: string) => ({ namespace, name }) }
  }

  it('tells of every change since a moment, in order', async () => {
    const { client, create, watch, key, resourceVersion } = await begin()
    await create('a')
    await create('b')
    await client.patch(configMaps, key('a'), { data: { x: '1' } })
    await client.delete(configMaps, key('b'))
    const events = await watch({ resourceVersion }, (seen) => seen.length === 4)
    expect(events).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b'])
  })

  it('tells of changes as they happen', async () => {
    const { create, watch, resourceVersion } = await begin()
    const events = watch({ resourceVersion }, (seen) => seen.length === 2)
    await create('a')
    await create('b')
    expect(await events).toEqual(['ADDED a', 'ADDED b'])
  })

  it('begins with the present objects when there is no moment to begin from', async () => {
    const { create, watch } = await begin()
    await create('a')
    await create('b')
    expect([...(await watch({}, (seen) => seen.length === 2))].sort()).toEqual(['ADDED a', 'ADDED b'])
  })

  it('marks the end of a streamed list', async () => {
    const { create, watch } = await begin()
    await create('a')
    const options = { sendInitialEvents: true, allowBookmarks: true }
    const events = await watch(options, (seen) => seen.some((event) => event.startsWith('BOOKMARK')))
    expect(events).toEqual(['ADDED a', 'BOOKMARK end'])
  })

  it('tells of objects that enter and leave the selection', async () => {
    const { client, create, watch, key, resourceVersion } = await begin()
    await create('other', { color: 'blue' })
    await create('mine', { color: 'red' })
    await client.patch(configMaps, key('mine'), { metadata: { labels: { color: 'blue' } } })
    await client.patch(configMaps, key('other'), { metadata: { labels: { color: 'red' } } })
    const events = await watch({ resourceVersion, labelSelector: 'color=red' }, (seen) => seen.length === 3)
    expect(events).toEqual(['ADDED mine', 'DELETED mine', 'ADDED other'])
  })

  it('ends when it was asked to end', async () => {
    const { watch, resourceVersion } = await begin()
    expect(await watch({ resourceVersion, timeoutSeconds: 1 }, () => false)).toEqual([])
  })

  it('ends quietly when the caller gives up', async () => {
    const { client, namespace } = await begin()
    const controller = new AbortController()
    const events = client.watch(configMaps, { namespace, signal: controller.signal })[Symbol.asyncIterator]()
    const next = events.next()
    controller.abort(new TypeError('no longer wanted'))
    expect(await next).toMatchObject({ done: true })
  })
}

/** What a client must do when the moment to resume from is gone; `forget` makes the server forget. */
export function testForgottenWatch(harness: () => ClientHarness & { forget(): Promise<void> }): void {
  it('throws Gone when it cannot resume', async () => {
    const { client, forget } = harness()
    const namespace = await harness().namespace()
    await client.create(configMaps, makeConfigMap(namespace, 'a'))
    await forget()
    const error = await collect(
      (signal) => client.watch(configMaps, { namespace, resourceVersion: '1', signal }),
      () => false,
    ).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(isFailure(error, 'Gone')).toBe(true)
  })
}

async function collect(
  watch: (signal: AbortSignal) => AsyncIterable<WatchEvent<KubernetesObject>>,
  stop: (events: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const controller = new AbortController()
  const seen: string[] = []
  for await (const { type, object } of watch(controller.signal)) {
    const end = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true'
    if (type !== 'BOOKMARK' || end) seen.push(`${type} ${end ? 'end' : object.metadata.name}`)
    if (stop(seen)) break
  }
  return seen
}
