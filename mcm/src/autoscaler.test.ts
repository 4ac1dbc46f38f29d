import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe } from 'vitest'
import { type AutoscalerHarness, testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { epoch } from '../testing/objects.ts'
import { createRig } from '../testing/rig.ts'

function createHarness(): AutoscalerHarness {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('autoscaler')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 3000, deleteMilliseconds: 2000 }
  return {
    clock,
    client,
    namespace: async (name) => name,
    rig: (namespace, options) =>
      createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000, ...options }),
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

describe('the contract with gardener/autoscaler in virtual time', () => testAutoscalerContract(createHarness))
