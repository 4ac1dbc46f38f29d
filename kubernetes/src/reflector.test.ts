import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createFakeClient } from '../testing/fake-client.ts'
import { type ConfigMap, configMap, configMaps } from '../testing/kinds.ts'
import type { Client, ListOptions, WatchOptions } from './client.ts'
import { type ReflectorOptions, runReflector } from './reflector.ts'

interface Request {
  readonly verb: 'list' | 'watch'
  readonly options: ListOptions & WatchOptions
  readonly at: number
}

/** A reflector over a fake server on a virtual clock; `script` may refuse a request. */
function begin(options: Partial<ReflectorOptions<ConfigMap>> = {}, script: (request: Request) => void = () => {}) {
  const clock = createVirtualClock()
  const start = clock.now()
  const fake = createFakeClient({ clock, random: createSeededRandom('fake') })
  const requests: Request[] = []
  const ask = (verb: 'list' | 'watch', asked: ListOptions & WatchOptions) => {
    const { signal: _, ...rest } = asked
    const request = { verb, options: rest, at: clock.now() - start }
    requests.push(request)
    script(request)
  }
  const client: Client = {
    ...fake,
    list: async (resource, asked = {}) => {
      ask('list', asked)
      return fake.list(resource, asked)
    },
    watch: async function* (resource, asked) {
      ask('watch', asked)
      yield* fake.watch(resource, asked)
    },
  }
  const seen: string[] = []
  const target = {
    replaceAll: (objects: readonly ConfigMap[]) => seen.push(`all ${objects.map((o) => o.metadata.name).join(' ')}`),
    apply: (type: string, object: ConfigMap) => seen.push(`${type} ${object.metadata.name}`),
  }
  const stop = new AbortController()
  const random = createSeededRandom('reflector')
  const run = runReflector(
    { client, resource: configMaps, clock, random, log: createSilentLog(), ...options },
    target,
    stop.signal,
  )
  const end = async () => {
    stop.abort()
    await clock.advance(0)
    await run
    expect(fake.watchCount()).toBe(0)
    expect(clock.pending()).toEqual([])
  }
  return { clock, fake, requests, seen, [Symbol.asyncDispose]: end }
}

describe('reflector', () => {
  it('streams the initial list and follows the same watch', async () => {
    await using world = begin()
    await world.clock.advance(0)
    await world.fake.create(configMaps, configMap('n', 'a'))
    await world.clock.advance(0)
    expect(world.seen).toEqual(['all ', 'ADDED a'])
    expect(world.requests).toHaveLength(1)
    expect(world.requests[0]).toMatchObject({
      verb: 'watch',
      options: { sendInitialEvents: true, allowBookmarks: true },
    })
  })

  it('passes over what a resumed watch tells again, and does not resume from there', async () => {
    const clock = createVirtualClock()
    const asked: (string | undefined)[] = []
    const at = (name: string, resourceVersion: string): ConfigMap => {
      const object = configMap('n', name)
      return { ...object, metadata: { ...object.metadata, resourceVersion } }
    }
    const end = { 'k8s.io/initial-events-end': 'true' }
    const bookmark = { ...at('', '20'), metadata: { ...at('', '20').metadata, annotations: end } }
    const client: Client = {
      ...createFakeClient({ clock, random: createSeededRandom('fake') }),
      watch: async function* (_resource, { resourceVersion } = {}) {
        asked.push(resourceVersion)
        if (asked.length === 1) yield { type: 'BOOKMARK', object: bookmark } as never
        if (asked.length === 2) yield { type: 'MODIFIED', object: at('old', '7') } as never
        if (asked.length === 3) yield { type: 'ADDED', object: at('new', '21') } as never
      },
    }
    const seen: string[] = []
    const target = { replaceAll: () => {}, apply: (_type: string, { metadata }: ConfigMap) => seen.push(metadata.name) }
    const stop = new AbortController()
    const random = createSeededRandom('reflector')
    const run = runReflector(
      { client, resource: configMaps, clock, random, log: createSilentLog() },
      target,
      stop.signal,
    )
    while (asked.length < 4) await clock.advance(1000)
    stop.abort()
    await clock.advance(0)
    await run
    expect(seen).toEqual(['new'])
    expect(asked.slice(0, 4)).toEqual([undefined, '20', '20', '21'])
  })

  it('lists in pages where the server cannot stream, and never asks it to again', async () => {
    await using world = begin({ pageSize: 1 }, ({ options }) => {
      if (options.sendInitialEvents) throw new Failure('Invalid', 'sendInitialEvents is forbidden')
    })
    for (const name of ['a', 'b']) await world.fake.create(configMaps, configMap('n', name))
    await world.clock.advance(1_000)
    expect(world.seen).toEqual(['all a b'])
    expect(world.requests.map(({ verb }) => verb)).toEqual(['watch', 'list', 'list', 'watch'])
    world.fake.compact()
    world.fake.disconnect()
    await world.fake.create(configMaps, configMap('n', 'c'))
    world.fake.compact()
    await world.clock.advance(1_000)
    expect(world.seen.at(-1)).toBe('all a b c')
    expect(world.requests.slice(4).filter(({ options }) => options.sendInitialEvents)).toEqual([])
  })

  it('asks the server to end each watch after five to ten minutes, and resumes at once', async () => {
    await using world = begin()
    await world.clock.advance(3_600_000)
    const seconds = world.requests.map(({ options }) => options.timeoutSeconds ?? 0)
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(300)
    expect(Math.max(...seconds)).toBeLessThanOrEqual(600)
    expect(new Set(seconds).size).toBeGreaterThan(1)
    expect(world.requests.length).toBeGreaterThanOrEqual(6)
    expect(world.requests.slice(1).every(({ options }) => options.resourceVersion !== undefined)).toBe(true)
    expect(world.requests[1]?.at).toBe((seconds[0] ?? 0) * 1000)
  })

  it('resumes from the last bookmark', async () => {
    await using world = begin()
    await world.clock.advance(0)
    const other = { ...configMaps, plural: 'secrets', kind: 'Secret' }
    await world.fake.create(other, configMap('n', 'noise'))
    world.fake.compact()
    world.fake.bookmark()
    await world.clock.advance(0)
    world.fake.disconnect()
    await world.clock.advance(1_000)
    expect(world.seen).toEqual(['all '])
    expect(world.requests.at(-1)?.options.resourceVersion).toBe('101')
  })

  it('takes one unpaged list when the pages are gone on the way', async () => {
    let lists = 0
    await using world = begin({ initialList: 'pages', pageSize: 2 }, ({ verb }) => {
      if (verb === 'list') lists += 1
      if (lists === 1) throw new Failure('Unavailable', 'until the objects are there')
      if (lists === 3) world.fake.compact()
    })
    for (const name of ['a', 'b', 'c', 'd', 'e']) await world.fake.create(configMaps, configMap('n', name))
    await world.clock.advance(1_000)
    expect(world.seen).toEqual(['all a b c d e'])
    const limits = world.requests.filter(({ verb }) => verb === 'list').map(({ options }) => options.limit)
    expect(limits).toEqual([2, 2, 2, undefined])
  })

  it('backs off with jitter up to ten seconds, for as long as it takes', async () => {
    let down = true
    await using world = begin({}, () => {
      if (down) throw new Failure('Unavailable', 'away')
    })
    await world.clock.advance(600_000)
    const pauses = world.requests.slice(1).map(({ at }, index) => at - (world.requests[index]?.at ?? 0))
    for (const [index, longest] of [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(longest / 2)
      expect(pauses[index]).toBeLessThanOrEqual(longest)
    }
    expect(new Set(pauses.slice(8)).size).toBeGreaterThan(10)
    down = false
    await world.clock.advance(10_000)
    expect(world.seen).toEqual(['all '])
  })

  it('waits as long as the server asks', async () => {
    let refusals = 0
    await using world = begin({}, () => {
      if (refusals++ === 0) throw new Failure('Throttled', 'slowly', { retryAfterMilliseconds: 7_000 })
    })
    await world.clock.advance(6_999)
    expect(world.requests).toHaveLength(1)
    await world.clock.advance(1)
    expect(world.requests).toHaveLength(2)
  })

  it('does not hammer a server that ends every watch at once', async () => {
    const fake = createFakeClient({ clock: createVirtualClock(), random: createSeededRandom('x') })
    let watches = 0
    const client: Client = {
      ...fake,
      watch: (resource, options) => {
        watches += 1
        return fake.watch(resource, { ...options, signal: AbortSignal.abort() })
      },
    }
    await using world = begin({ client, initialList: 'pages' })
    await world.clock.advance(60_000)
    expect(watches).toBeGreaterThan(5)
    expect(watches).toBeLessThan(20)
  })

  it('lists at once, without growing pauses, when the moment is gone', async () => {
    await using world = begin()
    await world.clock.advance(0)
    for (let round = 0; round < 10; round++) {
      await world.fake.create(configMaps, configMap('n', `object-${round}`))
      world.fake.disconnect()
      await world.fake.create({ ...configMaps, plural: 'secrets' }, configMap('n', `noise-${round}`))
      world.fake.compact()
      await world.clock.advance(400)
      expect(world.seen.at(-1)).toContain(`object-${round}`)
    }
  })
})
