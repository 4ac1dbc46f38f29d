import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import type { AutoscalerHarness } from './autoscaler-conformance.ts'
import { epoch } from './objects.ts'
import { createRig, type RigOptions } from './rig.ts'

/** A fake API server in virtual time to play the contract with the autoscaler on. */
export function createVirtualHarness(usual: Partial<RigOptions> = {}): AutoscalerHarness {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('autoscaler')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 3000, deleteMilliseconds: 2000 }
  return {
    clock,
    client,
    namespace: async (name) => name,
    rig: (namespace, options) =>
      createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...usual, ...options }),
    eventually: async (check) => {
      for (let tries = 0; tries < 600; tries++) {
        try {
          return await check()
        } catch {
          await clock.advance(500)
        }
      }
      await check()
    },
    during: async (action) => {
      let ended = false
      const end = () => {
        ended = true
      }
      action.then(end, end)
      for (let tries = 0; tries < 600 && !ended; tries++) await clock.advance(500)
      return action
    },
  }
}
