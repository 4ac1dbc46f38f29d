import { type Node, nodes } from '@trellis/api/core/node'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { at, epoch, nodeThat } from '../../testing/objects.ts'
import { targetOf } from '../../testing/target.ts'
import { stateNodeCondition } from './write-node.ts'

describe('stateNodeCondition', () => {
  const clock = createVirtualClock(epoch)
  const make = async () => {
    const client = createFakeClient({ clock, random: createSeededRandom('nodes') })
    const { resourceVersion: _, uid: __, ...metadata } = nodeThat('True').metadata
    const node = await client.create(nodes, { ...nodeThat('True'), metadata })
    const state = (before: Node, reason: string) =>
      stateNodeCondition({ clock }, targetOf(client), {
        node: before,
        statement: { type: 'InPlaceUpdate', status: 'True', reason, message: 'says the test' },
      })
    return { client, node, state }
  }

  it('leaves the conditions of others alone', async () => {
    const { node, state } = await make()
    const after = await state(node, 'CandidateForUpdate')
    expect(after.status?.conditions?.map(({ type, reason }) => [type, reason])).toEqual([
      ['Ready', 'Kubelet'],
      ['InPlaceUpdate', 'CandidateForUpdate'],
    ])
  })

  it('writes nothing twice, and a new instant for a new reason', async () => {
    const { client, node, state } = await make()
    const candidate = await state(node, 'CandidateForUpdate')
    await clock.advance(5000)
    const before = client.calls.length
    expect(await state(candidate, 'CandidateForUpdate')).toBe(candidate)
    expect(client.calls.length).toBe(before)
    const selected = await state(candidate, 'SelectedForUpdate')
    expect(selected.status?.conditions?.at(-1)?.lastTransitionTime).toBe(at(5))
  })
})
