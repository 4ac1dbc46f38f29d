import { configMaps } from '@trellis/api/core/configuration'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, machineIn, ownedBy, setOf } from '../../testing/objects.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { canonicalJson, sameJson } from './equality.ts'
import { createFreshReader } from './freshness.ts'
import { settleInTurns } from './in-turns.ts'
import { claim, controllerOf, controllerReference } from './ownership.ts'

describe('durations', () => {
  it.each([
    ['0', 0],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['-5m', -300_000],
    ['20m0s', 1_200_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text, 'f')).toBeCloseTo(milliseconds)
  })

  it.each(['', '5', '5x', 's', '1h 2m', 'h1'])('refuses %j and names the field', (text) => {
    expect(() => parseDuration(text, 'spec.drainTimeout')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'spec.drainTimeout' }),
    )
  })

  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000), 'f')).toBe(seconds * 1000)
      }),
    )
  })
})

describe('works in turns', () => {
  it('are done a bounded number at a time and end as they end', async () => {
    let running = 0
    let most = 0
    const ends = await settleInTurns(
      Array.from({ length: 100 }, (_, index) => index),
      async (index) => {
        most = Math.max(most, ++running)
        await Promise.resolve()
        running--
        if (index === 50) throw new Failure('Throttled', 'too many')
        return index
      },
    )
    expect(most).toBe(32)
    expect(ends.map(({ status }) => status === 'fulfilled').indexOf(false)).toBe(50)
    expect(ends[99]).toEqual({ status: 'fulfilled', value: 99 })
  })
})

describe('sameJson', () => {
  it.each([
    { reason: 'order of keys', left: { a: 1, b: { c: 2, d: 3 } }, right: { b: { d: 3, c: 2 }, a: 1 }, same: true },
    { reason: 'undefined is absent', left: { a: undefined }, right: {}, same: true },
    { reason: 'null is absent', left: { a: null }, right: {}, same: true },
    { reason: 'order of lists', left: [1, 2], right: [2, 1], same: false },
    { reason: 'nothing at all', left: undefined, right: undefined, same: true },
  ])('$reason', ({ left, right, same }) => {
    expect(sameJson(left, right)).toBe(same)
  })

  it('agrees with itself on any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => canonicalJson(JSON.parse(canonicalJson(value))) === canonicalJson(value)),
    )
  })

  it('agrees with the text on any two values', () => {
    const keys = fc.constantFrom('a', 'b', 'constructor', '__proto__')
    const { value } = fc.letrec((tie) => ({
      leaf: fc.constantFrom(null, undefined, 0, 1, '', 'a', false),
      value: fc.oneof(
        { maxDepth: 3 },
        tie('leaf'),
        fc.array(
          tie('value').filter((one) => one !== undefined),
          { maxLength: 2 },
        ),
        fc.dictionary(keys, tie('value'), { maxKeys: 3 }),
      ),
    }))
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(sameJson({ left }, { left: right })).toBe(canonicalJson({ left }) === canonicalJson({ left: right }))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('claim', () => {
  const set = setOf(1)
  const plain = (name: string, labels: Record<string, string>, metadata = {}) =>
    machineIn('Running', { metadata: { name, labels, ...metadata } })
  const mine = ownedBy(set, plain('mine', {}))
  const lost = ownedBy(set, plain('lost', { pool: 'b' }))
  const orphan = plain('orphan', { pool: 'a' })
  const foreign = {
    ...orphan,
    metadata: { ...orphan.metadata, ownerReferences: [{ ...controllerReference(set), uid: 'other' }] },
  }

  it('sorts candidates', () => {
    expect(claim(set, set.spec?.selector, [mine, lost, orphan, foreign, plain('x', {})])).toEqual({
      owned: [mine],
      adopt: [orphan],
      release: [lost],
    })
  })

  it.each([
    { reason: 'no selector', selector: undefined },
    { reason: 'an empty selector', selector: {} },
  ])('adopts nothing with $reason', ({ selector }) => {
    expect(claim(set, selector, [orphan]).adopt).toEqual([])
  })

  it('neither adopts nor lets go what is being deleted', () => {
    const leaving = { deletionTimestamp: at(0) }
    const candidates = [
      plain('orphan', { pool: 'a' }, leaving),
      { ...lost, metadata: { ...lost.metadata, ...leaving } },
    ]
    const { adopt, release, owned } = claim(set, set.spec?.selector, candidates)
    expect([adopt, release, owned.length]).toEqual([[], [], 1])
  })

  it('adopts nothing while the owner is being deleted', () => {
    const going = setOf(1, { metadata: { deletionTimestamp: at(0) } })
    expect(claim(going, going.spec?.selector, [orphan]).adopt).toEqual([])
  })

  it('knows the controller among owners', () => {
    const owners = [{ ...controllerReference(set), controller: false, name: 'x' }, controllerReference(set)]
    expect(controllerOf(plain('m', {}, { ownerReferences: owners }))?.name).toBe('set')
  })
})

describe('a fresh reader', () => {
  const key = { namespace: 'ns', name: 'a' }
  const setUp = async () => {
    const clock = createVirtualClock()
    const random = createSeededRandom('fresh')
    const client = createFakeClient({ clock, random })
    const stop = new AbortController()
    const informer = createInformer({ client, clock, random, log: createSilentLog(), resource: configMaps })
    const first = await client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...key },
      data: { v: '1' },
    })
    void informer.run(stop.signal)
    await clock.advance(100)
    return { clock, client, informer, reader: createFreshReader(informer), stop, first }
  }

  it('shows its own write before the watch does, and what others wrote after it', async () => {
    const { clock, client, reader, stop, first } = await setUp()
    const written = await client.replace(configMaps, { ...first, data: { v: '2' } })
    reader.remember(written)
    expect(reader.get(key)?.data).toEqual({ v: '2' })
    await client.replace(configMaps, { ...written, data: { v: '3' } })
    await clock.advance(100)
    expect(reader.get(key)?.data).toEqual({ v: '3' })
    stop.abort()
  })

  it('keeps nothing that the watch told already, or of an object that has gone', async () => {
    const { clock, client, informer, reader, stop, first } = await setUp()
    const written = await client.replace(configMaps, { ...first, data: { v: '2' } })
    await clock.advance(100)
    reader.remember({ ...written, data: { v: 'late answer' } })
    expect(reader.get(key)).toBe(informer.get(key))
    await client.delete(configMaps, key)
    await clock.advance(100)
    reader.remember({ ...written, metadata: { ...written.metadata, resourceVersion: '999' } })
    await client.create(configMaps, { ...first, metadata: key })
    await clock.advance(100)
    expect(reader.get(key)).toBe(informer.get(key))
    stop.abort()
  })

  it('forgets what was deleted, and invents nothing', async () => {
    const { clock, client, informer, reader, stop, first } = await setUp()
    reader.remember(first)
    await client.delete(configMaps, key)
    await clock.advance(100)
    expect(reader.get(key)).toBeUndefined()
    reader.remember({ ...first, metadata: { ...first.metadata, name: 'never-seen' } })
    expect(reader.get({ namespace: 'ns', name: 'never-seen' })).toBeUndefined()
    expect(reader.freshen(informer.list())).toEqual([])
    stop.abort()
  })
})
