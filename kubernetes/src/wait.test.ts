import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createFakeClient } from '../testing/fake-client.ts'
import { type ConfigMap, configMap, configMaps } from '../testing/kinds.ts'
import { waitFor, waitForObject } from './wait.ts'

function begin() {
  const clock = createVirtualClock()
  const random = createSeededRandom('wait')
  const client = createFakeClient({ clock, random })
  const options = {
    client,
    clock,
    random,
    resource: configMaps,
    key: { namespace: 'n', name: 'a' },
    timeoutMilliseconds: 60_000,
  }
  const ready = (object: ConfigMap) => object.data?.ready === 'yes'
  return { clock, client, options, ready }
}

describe('waiting', () => {
  it('returns at once what is as wanted already', async () => {
    const { clock, client, options, ready } = begin()
    await client.create(configMaps, configMap('n', 'a', { ready: 'yes' }))
    const found = waitForObject({ ...options, until: ready })
    await clock.advance(0)
    expect((await found).data).toEqual({ ready: 'yes' })
    expect(clock.pending()).toEqual([])
    expect(client.watchCount()).toBe(0)
  })

  it('returns when it comes about, through faults', async () => {
    const { clock, client, options, ready } = begin()
    await client.create(configMaps, configMap('n', 'b', { ready: 'yes' }))
    const found = waitForObject({ ...options, until: ready })
    await clock.advance(1_000)
    await client.create(configMaps, configMap('n', 'a'))
    const stop = client.onCall(({ method }) => {
      if (method === 'watch') throw new Failure('Unavailable', 'away')
    })
    client.disconnect()
    await clock.advance(5_000)
    stop()
    await client.patch(configMaps, options.key, { data: { ready: 'yes' } })
    await clock.advance(10_000)
    expect((await found).metadata.name).toBe('a')
  })

  it('waits for an end as well', async () => {
    const { clock, client, options } = begin()
    await client.create(configMaps, configMap('n', 'a'))
    const gone = waitFor({ ...options, until: (object) => object === undefined })
    await clock.advance(1_000)
    await client.delete(configMaps, options.key)
    await clock.advance(0)
    expect(await gone).toBeUndefined()
  })

  it('says what it saw last when the time is up', async () => {
    const { clock, client, options } = begin()
    const failed = (description: string) => {
      const outcome = waitForObject({ ...options, until: () => false, description }).catch((error: unknown) => error)
      return clock.advance(60_000).then(() => outcome)
    }
    expect(await failed('there')).toMatchObject({
      kind: 'Unavailable',
      message: 'ConfigMap n/a is not there after 60 s: it does not exist',
    })
    const status = { conditions: [{ type: 'Ready', status: 'False', message: 'no node' }] }
    await client.create(configMaps, { ...configMap('n', 'a'), status } as ConfigMap)
    expect(await failed('ready')).toMatchObject({
      message: 'ConfigMap n/a is not ready after 60 s: Ready=False (no node)',
    })
  })

  it('ends with the error of the predicate, or the reason of the caller', async () => {
    const { clock, options } = begin()
    const until = () => {
      throw new Failure('Invalid', 'it will never be')
    }
    const given = expect(waitFor({ ...options, until })).rejects.toThrow('it will never be')
    await clock.advance(0)
    await given
    const stop = new AbortController()
    const stopped = expect(waitFor({ ...options, until: () => false, signal: stop.signal })).rejects.toThrow('enough')
    await clock.advance(0)
    stop.abort(new TypeError('enough'))
    await clock.advance(0)
    await stopped
  })
})
