import { persistentVolumeClaims, persistentVolumes } from '@trellis/api/core/storage'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { createVolumeBook, type VolumeBookContext } from './volume-book.ts'

const claim = { namespace: 'ns', name: 'data', ephemeral: false }

async function setUp(driver: VolumeBookContext['driver'] = {}) {
  const clock = createVirtualClock(epoch)
  const client = createFakeClient({ clock, random: createSeededRandom('book') })
  await client.create(persistentVolumeClaims, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace: 'ns', name: 'data' },
    spec: { volumeName: 'volume' },
  })
  await client.create(persistentVolumes, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'volume' },
    spec: { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } },
  })
  return { clock, client, book: createVolumeBook({ clock, client, driver, log: createSilentLog() }) }
}

describe('the book of volumes', () => {
  it('knows a volume by the cluster’s name and by the cloud’s', async () => {
    const { book } = await setUp({ getVolumeIds: () => Promise.resolve(['vol-1', '']) })
    expect(book.volumeOf(claim)).toBeUndefined()
    await book.lookUp([claim])
    const ids = ['kubernetes.io/csi/ebs.csi.aws.com^vol-1', 'vol-1']
    expect(book.volumeOf(claim)).toEqual({ volume: { name: 'volume', ids } })
    expect(book.has('volume')).toBe(true)
  })

  it('does without the cloud’s name when the cloud does not tell', async () => {
    const { book } = await setUp({ getVolumeIds: () => Promise.reject(new Failure('Unavailable', 'no')) })
    await book.lookUp([claim])
    expect(book.volumeOf(claim)?.volume?.ids).toEqual(['kubernetes.io/csi/ebs.csi.aws.com^vol-1'])
  })

  it('looks once, however many pods use the claim', async () => {
    const { book, client } = await setUp()
    const before = client.calls.length
    await book.lookUp([claim, claim])
    await book.lookUp([claim])
    expect(client.calls.slice(before).map(({ target }) => target)).toEqual([
      'persistentvolumeclaims',
      'persistentvolumes',
    ])
  })

  it('knows that there is no volume behind a claim that does not exist', async () => {
    const { book } = await setUp()
    const missing = { ...claim, name: 'none' }
    await book.lookUp([missing])
    expect(book.volumeOf(missing)).toEqual({ volume: undefined })
    expect(book.nextLookAt()).toBeUndefined()
  })

  it('tries three times, five seconds apart, then does not wait for the volume', async () => {
    const { book, client, clock } = await setUp()
    client.onCall(({ target }) => {
      if (target === 'persistentvolumes') throw new Failure('Unavailable', 'not now')
    })
    for (const seconds of [0, 5]) {
      await book.lookUp([claim])
      await book.lookUp([claim])
      expect(book.volumeOf(claim)).toBeUndefined()
      expect(book.nextLookAt()).toBe(epoch + (seconds + 5) * 1000)
      await clock.advance(5000)
    }
    await book.lookUp([claim])
    expect(book.volumeOf(claim)).toEqual({ volume: undefined })
  })
})
