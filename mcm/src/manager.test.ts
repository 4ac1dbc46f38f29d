import { createLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createRig, deploymentOf, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const namespace = 'shoot--local--first'

describe('the manager', () => {
  it('grows machines from nothing and shrinks them to nothing', async () => {
    const clock = createVirtualClock()
    const random = createSeededRandom('grow')
    const client = createFakeClient({ clock, random: random.child('server') })
    await using rig = createRig({
      clock,
      random,
      control: client,
      namespace,
      joinMilliseconds: 2000,
      cloud: { createMilliseconds: 1000, deleteMilliseconds: 500 },
      log: createLog('test', 'debug'),
    })
    await plant(client, namespace, deploymentOf(namespace, 'pool', 3))
    rig.start()
    await clock.advance(10_000)
    expect((await rig.machines()).map(phaseOf)).toEqual(['Running', 'Running', 'Running'])
    await clock.advance(60_000)
    await scale(client, namespace, 'pool', 0)
    await clock.advance(10_000)
    expect(await rig.machines()).toEqual([])
    expect(await rig.nodes()).toEqual([])
    expect(rig.cloud.servers()).toEqual([])
  })
})
