import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, member } from '../../testing/objects.ts'
import { deletionOrder } from './order.ts'

const priority = 'machinepriority.machine.sapcloud.io'
const marked = 'machine.sapcloud.io/marked-for-deletion-time'

describe('deletionOrder', () => {
  it('takes priority, mark, phase and age into account, in this order', () => {
    const machines = [
      member('running-young', 'Running', { creationTimestamp: at(60) }),
      member('running-old'),
      member('pending', 'Pending'),
      member('unknown', 'Unknown'),
      member('crashing', 'CrashLoopBackOff'),
      member('failed', 'Failed'),
      member('chosen-later', 'Running', { annotations: { [priority]: '1', [marked]: at(20) } }),
      member('chosen-first', 'Running', { annotations: { [priority]: '1', [marked]: at(10) } }),
      member('precious', 'Failed', { annotations: { [priority]: '5' } }),
      member('odd', 'Terminating', { annotations: { [priority]: 'x' } }),
    ]
    expect(deletionOrder(machines).map(({ metadata }) => metadata.name)).toEqual([
      'chosen-first',
      'chosen-later',
      'odd',
      'failed',
      'crashing',
      'unknown',
      'pending',
      'running-old',
      'running-young',
      'precious',
    ])
  })

  it('is the same however the machines come', () => {
    const machines = ['a', 'b', 'c', 'd'].map((name) => member(name, name < 'c' ? 'Running' : 'Pending'))
    const wanted = deletionOrder(machines)
    fc.assert(
      fc.property(fc.shuffledSubarray(machines, { minLength: 4 }), (shuffled) => {
        expect(deletionOrder(shuffled)).toEqual(wanted)
      }),
    )
  })
})
