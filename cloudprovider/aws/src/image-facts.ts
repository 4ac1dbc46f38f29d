import type { Clock } from '@trellis/foundation/clock'
import type { Ec2Client } from './client-types.ts'

/** What is known of machine images. */
export interface ImageFacts {
  /** What the image calls the device that it boots from; asked for once an hour. */
  rootDeviceName(imageId: string): Promise<string>
}

/** An image never changes, but may be withdrawn: an hour later somebody will be told. */
const keptMilliseconds = 3_600_000
const mostImages = 1000

/** Remembers what EC2 said of images; failures are not remembered. */
export function createImageFacts({
  clock,
  client,
}: {
  readonly clock: Clock
  readonly client: Pick<Ec2Client, 'rootDeviceName'>
}): ImageFacts {
  const known = new Map<string, { readonly at: number; readonly name: Promise<string> }>()
  return {
    rootDeviceName: (imageId) => {
      const present = known.get(imageId)
      if (present !== undefined && clock.now() - present.at < keptMilliseconds) return present.name
      const fresh = { at: clock.now(), name: client.rootDeviceName(imageId) }
      known.delete(imageId)
      known.set(imageId, fresh)
      fresh.name.catch(() => {
        if (known.get(imageId) === fresh) known.delete(imageId)
      })
      const [oldest] = known.keys()
      if (known.size > mostImages && oldest !== undefined) known.delete(oldest)
      return fresh.name
    },
  }
}
