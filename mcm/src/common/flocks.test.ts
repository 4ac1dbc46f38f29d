import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { epoch, machineIn, ownedBy, setOf } from '../../testing/objects.ts'
import { createFlocks } from './flocks.ts'

function setUp() {
  const clock = createVirtualClock(epoch)
  const told: string[] = []
  const flocks = createFlocks(clock, ({ kind, metadata }, reason, message) => {
    told.push(`${kind} ${metadata.name} ${reason}: ${message}`)
  })
  return { clock, told, flocks }
}

const set = setOf(1)
const child = (name: string) => ownedBy(set, machineIn('Running', { metadata: { name } }))

describe('flocks', () => {
  it('tell of many in one event on their owner', async () => {
    const { clock, told, flocks } = setUp()
    for (let index = 0; index < 12; index++) flocks.note(child(`m-${index}`), 'MachinesJoined', 'joined')
    flocks.note(child('x'), 'MachinesGone', 'gone')
    expect(told).toEqual([])
    await clock.advance(5000)
    expect(told).toEqual([
      'MachineSet set MachinesJoined: 12 machines joined: m-0, m-1, m-2, m-3, m-4, m-5, m-6, m-7, m-8, m-9 and 2 more',
      'MachineSet set MachinesGone: 1 machine gone: x',
    ])
  })

  it('tell what was gathered when they end, once', async () => {
    const { clock, told, flocks } = setUp()
    flocks.note(child('a'), 'MachinesJoined', 'joined')
    flocks[Symbol.dispose]()
    await clock.advance(10_000)
    expect(told).toEqual(['MachineSet set MachinesJoined: 1 machine joined: a'])
  })

  it('tell of what has no owner at once', () => {
    const { told, flocks } = setUp()
    flocks.note(machineIn('Running'), 'MachinesJoined', 'joined')
    expect(told).toEqual(['Machine machine-a MachinesJoined: The machine joined'])
  })
})
