import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createFakeClient } from '../testing/fake-client.ts'
import { configMap } from '../testing/kinds.ts'
import { events } from './event-kind.ts'
import { createEventRecorder } from './events.ts'

function begin() {
  const clock = createVirtualClock()
  const random = createSeededRandom('events')
  const client = createFakeClient({ clock, random })
  const recorder = createEventRecorder({
    client,
    clock,
    random,
    log: createSilentLog(),
    component: 'trellis.cloud/test',
  })
  const written = async () => (await client.list(events)).items
  return { clock, client, recorder, written }
}

const object = configMap('a', 'web')
const joined = { type: 'Normal', reason: 'Joined', note: 'the node is ready' } as const

describe('event recorder', () => {
  it('writes what happened', async () => {
    const { recorder, written } = begin()
    recorder.record(object, joined)
    await recorder.flush()
    expect(await written()).toMatchObject([
      {
        metadata: { namespace: 'a', name: expect.stringMatching(/^web\./) },
        type: 'Normal',
        reason: 'Joined',
        action: 'Joined',
        note: 'the node is ready',
        regarding: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'a', name: 'web' },
        reportingController: 'trellis.cloud/test',
      },
    ])
  })

  it('counts repeats in one event', async () => {
    const { clock, client, recorder, written } = begin()
    for (let second = 0; second < 100; second++) {
      recorder.record(object, joined)
      await clock.advance(1_000)
    }
    await recorder.flush()
    expect(await written()).toMatchObject([{ series: { count: 100 } }])
    expect(client.calls.filter(({ method }) => method === 'patch').length).toBeLessThanOrEqual(10)
  })

  it('begins a new event after a long silence', async () => {
    const { clock, recorder, written } = begin()
    recorder.record(object, joined)
    await clock.advance(6 * 60_000 + 1)
    recorder.record(object, joined)
    await recorder.flush()
    expect(await written()).toHaveLength(2)
  })

  it('writes an event anew whose first writing has expired', async () => {
    const { client, recorder, written } = begin()
    recorder.record(object, joined)
    await recorder.flush()
    const [first] = await written()
    await client.delete(events, { namespace: 'a', name: first?.metadata.name ?? '' })
    recorder.record(object, joined)
    await recorder.flush()
    expect(await written()).toMatchObject([{ series: { count: 2 } }])
  })

  it('combines many notes of one reason', async () => {
    const { recorder, written } = begin()
    for (let index = 0; index < 50; index++) recorder.record(object, { ...joined, note: `attempt ${index}` })
    await recorder.flush()
    const all = await written()
    expect(all).toHaveLength(11)
    expect(all.find(({ note }) => note.startsWith('(combined'))).toMatchObject({ series: { count: 40 } })
  })

  it('survives faults that pass', async () => {
    const { clock, client, recorder, written } = begin()
    const stop = client.onCall(() => {
      throw new Failure('Unavailable', 'away')
    })
    recorder.record(object, joined)
    await clock.advance(2_000)
    stop()
    await clock.advance(10_000)
    expect(await written()).toHaveLength(1)
  })

  it('gives up what can never be written, and goes on', async () => {
    const { client, recorder, written } = begin()
    client.onCall(({ body }) => {
      if ((body as { note?: string } | undefined)?.note === 'bad') throw new Failure('Invalid', 'never')
    })
    recorder.record(object, { ...joined, note: 'bad' })
    recorder.record(object, joined)
    await recorder.flush()
    expect(await written()).toHaveLength(1)
  })

  it('stays bounded while nothing can be written', async () => {
    const { clock, client, recorder, written } = begin()
    const stop = client.onCall(() => {
      throw new Failure('Unavailable', 'away')
    })
    for (let index = 0; index < 5_000; index++) recorder.record(configMap('a', `web-${index}`), joined)
    await clock.advance(1_000)
    stop()
    await clock.advance(60_000)
    await recorder.flush()
    expect((await written()).length).toBeLessThanOrEqual(501)
  })

  it('makes names and notes that API servers accept', async () => {
    const { recorder, written } = begin()
    recorder.record(
      { apiVersion: 'v1', kind: 'ClusterRole', metadata: { name: 'System:Big_One' } },
      { ...joined, note: 'é'.repeat(2_000) },
    )
    await recorder.flush()
    const [event] = await written()
    expect(event?.metadata).toMatchObject({ namespace: 'default', name: expect.stringMatching(/^system-big-one\./) })
    expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024)
  })
})
