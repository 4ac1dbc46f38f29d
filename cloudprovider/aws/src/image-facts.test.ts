import { Failure } from '@trellis/foundation/failure'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import { createImageFacts } from './image-facts.ts'

it('asks for an image once an hour, however many ask', async () => {
  const clock = createVirtualClock(0)
  const asked: string[] = []
  const client = {
    rootDeviceName: async (id: string) => {
      asked.push(id)
      return `/dev/${id}`
    },
  }
  const images = createImageFacts({ clock, client })
  const names = await Promise.all(['ami-1', 'ami-2', 'ami-1'].map(images.rootDeviceName))
  expect(names).toEqual(['/dev/ami-1', '/dev/ami-2', '/dev/ami-1'])
  await clock.advance(3_599_999)
  await images.rootDeviceName('ami-1')
  expect(asked).toEqual(['ami-1', 'ami-2'])
  await clock.advance(1)
  await images.rootDeviceName('ami-1')
  expect(asked).toEqual(['ami-1', 'ami-2', 'ami-1'])
})

it('asks again after a failure', async () => {
  const answers = [Promise.reject(new Failure('Unavailable', 'no')), Promise.resolve('/dev/xvda')]
  const client = { rootDeviceName: () => answers.shift() ?? Promise.reject(new Failure('Unavailable', 'no')) }
  const images = createImageFacts({ clock: createVirtualClock(0), client })
  await expect(images.rootDeviceName('ami-1')).rejects.toMatchObject({ kind: 'Unavailable' })
  expect(await images.rootDeviceName('ami-1')).toBe('/dev/xvda')
})
