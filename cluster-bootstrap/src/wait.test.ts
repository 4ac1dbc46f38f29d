import { type ConfigMap, configMaps } from '@trellis/api/core/configuration'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { waitFor, waitForObject, waitUntilGone } from './wait.ts'

const key = { namespace: 'a', name: 'x' }
const map = (text: string, name = 'x') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'a', name },
  data: { text },
})

function bench() {
  const clock = createVirtualClock()
  const client = createFakeClient({ clock, random: createSeededRandom('wait') })
  const stop = new AbortController()
  const notes: string[] = []
  const common = { client, resource: configMaps, signal: stop.signal, note: (text: string) => void notes.push(text) }
  return { clock, client, stop, notes, common }
}

/** Lets whatever is ready run. */
const settle = (clock: { advance(milliseconds: number): Promise<void> }) => clock.advance(0)

describe('waiting', () => {
  it('ends at once when all is well, and watches nothing', async () => {
    const { client, common } = bench()
    await client.create(configMaps, map('done'))
    const judge = (found: { data?: Record<string, string> } | undefined) =>
      found?.data?.text === 'done' ? { value: 42 } : { missing: 'x' }
    expect(await waitForObject({ ...common, key, judge })).toBe(42)
    expect(client.watchCount()).toBe(0)
  })

  it('follows every change, through ended watches and lost history, and stops watching', async () => {
    const { clock, client, notes, common } = bench()
    const waiting = waitForObject<ConfigMap, string>({
      ...common,
      key,
      judge: (found) =>
        found?.data?.text === 'c' ? { value: 'c' } : { missing: `is ${found?.data?.text ?? 'absent'}` },
    })
    await settle(clock)
    await client.create(configMaps, map('a'))
    await client.create(configMaps, map('c', 'other'))
    await settle(clock)
    await client.replace(configMaps, map('b'))
    await settle(clock)
    await client.replace(configMaps, map('c'))
    expect(await waiting).toBe('c')
    expect(notes).toEqual(['is absent', 'is a', 'is b'])
    await settle(clock)
    expect(client.watchCount()).toBe(0)
  })

  it('leaves a broken connection to the caller', async () => {
    const { clock, client, common } = bench()
    const waiting = waitFor({ ...common, selection: { namespace: 'a' }, judge: () => ({ missing: 'never' }) })
    const failed = expect(waiting).rejects.toMatchObject({ kind: 'Unavailable' })
    await settle(clock)
    client.disconnect()
    await failed
  })

  it('ends with the reason of the signal', async () => {
    const { clock, client, stop, common } = bench()
    const waiting = waitFor({ ...common, selection: { namespace: 'a' }, judge: () => ({ missing: 'never' }) })
    const failed = expect(waiting).rejects.toThrow('enough')
    await settle(clock)
    stop.abort(new Error('enough'))
    await failed
    await settle(clock)
    expect(client.watchCount()).toBe(0)
  })

  it('waits until all are gone and says what is left', async () => {
    const { clock, client, notes, common } = bench()
    for (const name of ['a', 'b', 'c', 'd']) await client.create(configMaps, map('x', name))
    const waiting = waitUntilGone({ ...common, selection: { namespace: 'a' } })
    for (const name of ['a', 'b', 'c', 'd']) {
      await settle(clock)
      await client.delete(configMaps, { namespace: 'a', name })
    }
    expect(await waiting).toBe(true)
    expect(notes[0]).toBe('4 configmaps left: a, b, c …')
    expect(notes.at(-1)).toBe('1 configmaps left: d')
  })
})
