import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { createSharedWatch } from './shared-watch.ts'

const budget = (name: string) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { namespace: 'ns', name },
})

describe('a shared watch', () => {
  it('is one for all who follow, and none when nobody does', async () => {
    const clock = createVirtualClock(epoch)
    const random = createSeededRandom('watch')
    const client = createFakeClient({ clock, random: random.child('server') })
    const log = createSilentLog()
    const stop = new AbortController()
    const watch = createSharedWatch({ clock, random, log, client, resource: podDisruptionBudgets }, stop.signal)
    await client.create(podDisruptionBudgets, budget('a'))
    await clock.advance(1000)
    expect(client.watchCount()).toBe(0)

    const heard: string[] = []
    const join = (who: string) =>
      watch.join({
        onChange: ({ metadata }) => heard.push(`${who} ${metadata.name}`),
        onKnown: () => heard.push(`${who} knows`),
      })
    const one = join('one')
    expect(one.known()).toBeUndefined()
    await clock.advance(1000)
    const two = join('two')
    expect(two.known()?.list()).toHaveLength(1)
    expect(client.watchCount()).toBe(1)
    expect(heard).toEqual(['one a', 'one knows', 'two a'])

    one[Symbol.dispose]()
    one[Symbol.dispose]()
    await client.create(podDisruptionBudgets, budget('b'))
    await clock.advance(1000)
    expect(heard.slice(3)).toEqual(['two b'])
    expect(client.watchCount()).toBe(1)

    two[Symbol.dispose]()
    await clock.advance(1000)
    expect(client.watchCount()).toBe(0)
    // What was known is not believed any more: it is read anew.
    const three = join('three')
    expect(three.known()).toBeUndefined()
    await clock.advance(1000)
    expect(three.known()?.list()).toHaveLength(2)
    stop.abort()
    await clock.advance(1000)
    expect(client.watchCount()).toBe(0)
  })
})
