import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createFakeClient } from '../testing/fakes.ts'
import type { ApiRequest, WatchEvent } from './api-client.ts'
import { awaitObject, follow } from './follow.ts'

interface Thing {
  apiVersion: string
  kind: string
  metadata: { name: string; resourceVersion: string }
}

const thing = (name: string, resourceVersion: string): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, resourceVersion },
})

const list = (...items: Thing[]) => ({ metadata: { resourceVersion: '10' }, items })

function setUp(answer: (call: ApiRequest) => unknown, watches: WatchEvent<Thing>[][] = []) {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const paths: string[] = []
  const client = createFakeClient(answer)
  const scripted = {
    ...client,
    watch: async <Kind>(path: string, onEvent: (event: WatchEvent<Kind>) => void, signal: AbortSignal) => {
      paths.push(path)
      const events = watches.shift()
      for (const event of events ?? []) onEvent(event as unknown as WatchEvent<Kind>)
      if (events === undefined && !signal.aborted) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      }
    },
  }
  const troubles: unknown[] = []
  const options = {
    clock,
    client: scripted,
    signal: stop.signal,
    onTrouble: (error: unknown) => void troubles.push(error),
  }
  return { clock, stop, client, paths, troubles, options }
}

describe('follow', () => {
  it('tells what is there, then what changes, but not what goes', async () => {
    const { clock, stop, options, paths } = setUp(
      () => list(thing('a', '1')),
      [
        [
          { type: 'ADDED', object: thing('b', '11') },
          { type: 'DELETED', object: thing('a', '12') },
          { type: 'BOOKMARK', object: thing('', '20') },
        ],
      ],
    )
    const told: string[] = []
    const done = follow<Thing>('/things', { fieldSelector: 'x=y' }, ({ metadata }) => told.push(metadata.name), options)
    await clock.advance(0)
    expect(told).toEqual(['a', 'b'])
    // A watch that ended goes on where it was.
    expect(paths.map((path) => new URL(path, 'http://x').searchParams.get('resourceVersion'))).toEqual(['10', '20'])
    expect(paths[0]).toContain('fieldSelector=x%3Dy')
    stop.abort()
    await done
  })

  it('lists anew when the server has forgotten where we were', async () => {
    const { clock, stop, options, client } = setUp(() => list(), [[{ type: 'ERROR', object: thing('', '') }]])
    const done = follow<Thing>('/things', {}, () => {}, options)
    await clock.advance(0)
    expect(client.calls).toHaveLength(2)
    stop.abort()
    await done
  })

  it('tells of trouble and tries again', async () => {
    let up = false
    const { clock, stop, options, troubles } = setUp(() => {
      if (!up) throw new Failure('Unavailable', 'down')
      return list(thing('a', '1'))
    })
    const told: string[] = []
    const done = follow<Thing>('/things', {}, ({ metadata }) => told.push(metadata.name), options)
    await clock.advance(2_500)
    expect(troubles).toHaveLength(3)
    up = true
    await clock.advance(1_000)
    expect(told).toEqual(['a'])
    stop.abort()
    await done
    expect(clock.pending()).toEqual([])
  })
})

describe('awaitObject', () => {
  it('resolves with the first object that is enough', async () => {
    const { options, stop } = setUp(() => list(thing('a', '1'), thing('b', '2')))
    const looked: string[] = []
    await awaitObject<Thing>(
      '/things',
      {},
      ({ metadata }) => {
        looked.push(metadata.name)
        return metadata.name === 'b'
      },
      options,
    )
    expect(looked).toEqual(['a', 'b'])
    expect(stop.signal.aborted).toBe(false)
  })

  it('rejects when it is asked to stop first', async () => {
    const { options, stop, clock } = setUp(() => list())
    const waiting = awaitObject<Thing>('/things', {}, () => true, options)
    const outcome = expect(waiting).rejects.toThrow('stopped')
    await clock.advance(0)
    stop.abort(new Error('stopped'))
    await outcome
  })
})
