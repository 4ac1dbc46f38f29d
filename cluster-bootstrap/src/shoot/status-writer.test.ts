import { shoots } from '@trellis/api/garden/shoot'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { storedShoot } from '../../testing/shoot-world.ts'
import { createStatusWriter } from './status-writer.ts'

const key = { namespace: 'garden-local', name: 'first' }

async function bench() {
  const clock = createVirtualClock()
  const client = createFakeClient({ clock, random: createSeededRandom('writer') })
  await client.create(shoots, storedShoot())
  const writer = createStatusWriter(clock, createSilentLog(), client, key)
  const written = () => client.calls.filter((call) => call.method === 'patch').map((call) => JSON.stringify(call.body))
  return {
    clock,
    client,
    writer,
    written,
    technicalId: async () => (await client.get(shoots, key)).status?.technicalID,
  }
}

describe('the status writer', () => {
  it('writes the first offer soon and of many only the last', async () => {
    const { clock, writer, written, technicalId } = await bench()
    writer.offer({ technicalID: 'a' })
    await clock.advance(1)
    for (const technicalID of ['b', 'c', 'd']) writer.offer({ technicalID })
    await clock.advance(498)
    expect(written()).toHaveLength(1)
    await clock.advance(10)
    expect(written()).toHaveLength(2)
    expect(await technicalId()).toBe('d')
    expect(clock.pending()).toEqual([])
  })

  it('writes at once what must be written, and nothing older afterwards', async () => {
    const { clock, writer, technicalId } = await bench()
    writer.offer({ technicalID: 'old' })
    await writer.write({ technicalID: 'final' })
    await clock.advance(10_000)
    expect(await technicalId()).toBe('final')
  })

  it('writes nothing more once it is disposed', async () => {
    const { clock, writer, written } = await bench()
    writer.offer({ technicalID: 'late' })
    await writer[Symbol.asyncDispose]()
    await clock.advance(10_000)
    expect(written()).toEqual([])
  })

  it('survives a failed offer, but not a failed write', async () => {
    const { clock, client, writer, technicalId } = await bench()
    const stop = client.onCall((call) => {
      if (call.method === 'patch') throw new Failure('Unavailable', 'down')
    })
    writer.offer({ technicalID: 'a' })
    await clock.advance(1000)
    await expect(writer.write({ technicalID: 'b' })).rejects.toThrow('down')
    stop()
    writer.offer({ technicalID: 'c' })
    await clock.advance(1000)
    expect(await technicalId()).toBe('c')
  })
})
