import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { epoch } from './objects.ts'
import { createRig, deploymentOf, plant } from './rig.ts'

/** A pool of two machines that run in a quick cloud, in virtual time; the seed tells it from others. */
export async function startSmallPool(seed: string) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom(seed)
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500 }
  const rig = createRig({ clock, random, control: client, namespace: 'ns', cloud, joinMilliseconds: 2000 })
  await plant(client, 'ns', deploymentOf('ns', 'pool', 2))
  rig.start()
  await clock.advance(10_000)
  return { clock, client, rig }
}
