import { keyText } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { expect, it } from 'vitest'
import type { Client } from '../src/client.ts'
import { type Change, createInformer, type InformerOptions } from '../src/informer.ts'
import { waitForInformer } from '../src/wait.ts'
import { type ConfigMap, configMap, configMaps } from './kinds.ts'

/** A world in which an informer can be tried. */
export interface InformerHarness {
  readonly clock: Clock
  readonly random: Random
  /** For the informer: its connections are those that break. */
  readonly client: Client
  /** For the test: its connections hold. */
  readonly admin: Client
  namespace(): Promise<string>
  /** Breaks every connection of the informer's client now. */
  disconnect(): void
  /** While down, the informer's client cannot reach the server at all. */
  setDown(down: boolean): void
  /** Makes the server forget everything before now, so that no watch can resume from there. */
  forget(): Promise<void>
}

const patienceMilliseconds = 30_000

/** What an informer must do over every client. Call it within a `describe`. */
export function testInformer(harness: () => InformerHarness, initialList: 'stream' | 'pages'): void {
  const begin = (options: Partial<InformerOptions<ConfigMap>> = {}) => start(harness(), { initialList, ...options })
  testFollowing(begin)
  testFaults(begin)
  testIndexes(begin)
}

type Begin = (options?: Partial<InformerOptions<ConfigMap>>) => ReturnType<typeof start>

async function start(world: InformerHarness, options: Partial<InformerOptions<ConfigMap>>) {
  const { clock, random, client, admin } = world
  const namespace = await world.namespace()
  const informer = createInformer({
    client,
    resource: configMaps,
    selection: { namespace },
    clock,
    random,
    log: createSilentLog(),
    ...options,
  })
  const history: string[] = []
  informer.onChange((change) => history.push(textOf(change)))
  const stop = new AbortController()
  const state = { run: Promise.resolve() }
  const run = async () => {
    state.run = informer.run(stop.signal)
    await informer.synced()
  }
  const until = (names: readonly string[]) =>
    waitForInformer({
      informer,
      clock,
      until: () => informer.list().map(contentOf).sort().join(' ') === [...names].sort().join(' '),
      timeoutMilliseconds: patienceMilliseconds,
      description: `holding ${names.join(' ')}`,
    })
  const put = (name: string, value = '1') => admin.apply(configMaps, configMap(namespace, name, { value }))
  const remove = (name: string) => admin.delete(configMaps, { namespace, name })
  const end = async () => {
    stop.abort()
    await state.run
  }
  return { ...world, namespace, informer, history, run, until, put, remove, [Symbol.asyncDispose]: end }
}

function contentOf({ metadata, data }: ConfigMap): string {
  return `${metadata.name}=${data?.value}`
}

function textOf({ key, before, after }: Change<ConfigMap>): string {
  const kind = before === undefined ? '+' : after === undefined ? '-' : '~'
  return `${kind}${key.name}`
}

function testFollowing(begin: Begin): void {
  it('begins with all objects, over several pages', async () => {
    await using world = await begin({ pageSize: 3 })
    const names = Array.from({ length: 10 }, (_, index) => `object-${index}`)
    for (const name of names) await world.put(name)
    expect(world.informer.hasSynced()).toBe(false)
    await world.run()
    expect(world.informer.hasSynced()).toBe(true)
    expect(world.informer.list().map(contentOf).sort()).toEqual(names.map((name) => `${name}=1`))
    expect([...world.history].sort()).toEqual(names.map((name) => `+${name}`))
  })

  it('syncs where there is nothing', async () => {
    await using world = await begin()
    await world.run()
    expect(world.informer.list()).toEqual([])
  })

  it('follows every change in order', async () => {
    await using world = await begin()
    await world.put('a')
    await world.run()
    await world.put('b')
    await world.put('a', '2')
    await world.remove('b')
    await world.put('b', '3')
    await world.until(['a=2', 'b=3'])
    expect(world.history).toEqual(['+a', '+b', '~a', '-b', '+b'])
  })

  it('tells a late listener of what is there', async () => {
    await using world = await begin()
    await world.put('a')
    await world.run()
    const late: string[] = []
    const stop = world.informer.onChange((change) => late.push(textOf(change)))
    expect(late).toEqual(['+a'])
    await world.put('b')
    await world.until(['a=1', 'b=1'])
    stop()
    await world.remove('b')
    await world.until(['a=1'])
    expect(late).toEqual(['+a', '+b'])
  })

  it('goes on when a listener throws', async () => {
    await using world = await begin()
    world.informer.onChange(() => {
      throw new TypeError('a bad listener')
    })
    await world.run()
    await world.put('a')
    await world.until(['a=1'])
  })

  it('keeps to its selection', async () => {
    await using world = await begin()
    const { namespace, admin } = world
    await using red = await begin({ selection: { namespace, labelSelector: 'color=red' } })
    await admin.create(configMaps, configMap(namespace, 'a', { value: '1' }, { labels: { color: 'red' } }))
    await admin.create(configMaps, configMap(namespace, 'b', { value: '1' }, { labels: { color: 'blue' } }))
    await red.run()
    expect(red.informer.list().map(contentOf)).toEqual(['a=1'])
    await admin.patch(configMaps, { namespace, name: 'a' }, { metadata: { labels: { color: 'blue' } } })
    await admin.patch(configMaps, { namespace, name: 'b' }, { metadata: { labels: { color: 'red' } } })
    await red.until(['b=1'])
    expect(red.history).toEqual(['+a', '-a', '+b'])
  })
}

function testFaults(begin: Begin): void {
  it('starts as soon as the server can be reached', async () => {
    await using world = await begin()
    await world.put('a')
    world.setDown(true)
    const running = world.run()
    await world.put('b')
    world.setDown(false)
    await running
    await world.until(['a=1', 'b=1'])
  })

  it('resumes after a lost connection without telling anything twice', async () => {
    await using world = await begin()
    await world.put('a')
    await world.run()
    for (let round = 0; round < 5; round++) {
      world.disconnect()
      await world.put('a', `round-${round}`)
      await world.put(`new-${round}`)
      world.disconnect()
      await world.until([
        'a=round-'.concat(String(round)),
        ...Array.from({ length: round + 1 }, (_, i) => `new-${i}=1`),
      ])
    }
    const additions = world.history.filter((entry) => entry.startsWith('+'))
    expect([...additions].sort()).toEqual(['+a', '+new-0', '+new-1', '+new-2', '+new-3', '+new-4'])
    expect(world.history.filter((entry) => entry === '~a')).toHaveLength(5)
  })

  it('learns of deletions that happened while it was cut off', async () => {
    await using world = await begin()
    await world.put('a')
    await world.put('b')
    await world.run()
    world.setDown(true)
    world.disconnect()
    await world.remove('a')
    await world.put('c')
    world.setDown(false)
    await world.until(['b=1', 'c=1'])
    expect([...world.history].sort()).toEqual(['+a', '+b', '+c', '-a'])
  })

  it('lists anew when the moment to resume from is gone, and tells only what differs', async () => {
    await using world = await begin({ pageSize: 2 })
    for (const name of ['kept', 'changed', 'removed', 'remade']) await world.put(name)
    await world.run()
    const lost = world.informer.get({ namespace: world.namespace, name: 'removed' })
    const changes: Change<ConfigMap>[] = []
    world.setDown(true)
    world.disconnect()
    await world.put('changed', '2')
    await world.remove('removed')
    await world.remove('remade')
    await world.put('remade', '2')
    await world.put('new')
    await world.forget()
    world.history.length = 0
    let first = true
    world.informer.onChange((change) => {
      if (!first) changes.push(change)
    })
    first = false
    world.setDown(false)
    await world.until(['kept=1', 'changed=2', 'remade=2', 'new=1'])
    expect([...world.history].sort()).toEqual(['+new', '+remade', '-remade', '-removed', '~changed'].sort())
    expect(world.history.indexOf('-remade')).toBeLessThan(world.history.indexOf('+remade'))
    const tombstone = changes.find(({ key, after }) => key.name === 'removed' && after === undefined)
    expect(tombstone?.before).toEqual(lost)
  })

  it('ends when it is told to, also while the server is away', async () => {
    const world = await begin()
    world.setDown(true)
    const stop = new AbortController()
    const run = world.informer.run(stop.signal)
    stop.abort()
    await run
    await expect(world.informer.synced(stop.signal)).rejects.toBeDefined()
    world.setDown(false)
  })
}

function testIndexes(begin: Begin): void {
  it('finds objects by key, by namespace and by index', async () => {
    await using world = await begin({ indexes: { value: ({ data }) => Object.values(data ?? {}) } })
    await world.put('a', 'red')
    await world.put('b', 'red')
    await world.run()
    const names = (value: string) => world.informer.byIndex('value', value).map(({ metadata }) => metadata.name)
    expect([...names('red')].sort()).toEqual(['a', 'b'])
    await world.put('a', 'blue')
    await world.remove('b')
    await world.until(['a=blue'])
    expect([names('red'), names('blue')]).toEqual([[], ['a']])
    expect(world.informer.list(world.namespace)).toHaveLength(1)
    expect(world.informer.list('elsewhere')).toEqual([])
    const found = world.informer.get({ namespace: world.namespace, name: 'a' })
    expect(found === undefined ? undefined : keyText(found.metadata)).toBe(`${world.namespace}/a`)
    expect(found?.metadata).not.toHaveProperty('managedFields')
  })
}
