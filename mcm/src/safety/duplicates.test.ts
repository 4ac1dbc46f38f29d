import type { Machine } from '@trellis/api/machine/machine'
import { InvariantError } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, launched, machineIn } from '../../testing/objects.ts'
import { startSmallPool } from '../../testing/small-pool.ts'
import { findDuplicates } from './duplicates.ts'

const minute = 60_000
const own = 'simulated:///r/machine-a'
const second = 'simulated:///r/second'

describe('findDuplicates', () => {
  const going = { metadata: { deletionTimestamp: at(0) } }
  it.each([
    { reason: 'a living machine has two', machine: launched('Running'), servers: [own, second], found: [second] },
    { reason: 'a machine that is ill has two', machine: launched('Unknown'), servers: [own, second], found: [second] },
    { reason: 'it has three', machine: launched('Failed'), servers: ['x', own, second], found: ['x', second] },
    { reason: 'it has its own alone', machine: launched('Running'), servers: [own], found: [] },
    { reason: 'its own is not listed', machine: launched('Running'), servers: [second], found: [] },
    { reason: 'it does not exist: it is an orphan', machine: undefined, servers: [own, second], found: [] },
    { reason: 'it is being made', machine: machineIn(''), servers: [own, second], found: [] },
    { reason: 'it is made anew', machine: launched('CrashLoopBackOff'), servers: [own, second], found: [] },
    { reason: 'it joins', machine: launched('Pending'), servers: [own, second], found: [] },
    { reason: 'its provider id is unknown', machine: machineIn('Running'), servers: [own, second], found: [] },
    {
      reason: 'its provider id is empty',
      machine: machineIn('Running', { spec: { providerID: '' } }),
      servers: ['', second],
      found: [],
    },
    { reason: 'it is going', machine: launched('Running', going), servers: [own, second], found: [] },
  ])('$reason: $found', ({ machine, servers, found }) => {
    const machines = new Map<string, Machine>(machine === undefined ? [] : [['machine-a', machine]])
    const observed = { servers: new Map(servers.map((id) => [id, 'machine-a'])), machines }
    expect(findDuplicates(observed).map(({ providerId }) => providerId)).toEqual(found)
  })

  it('always leaves each living machine its own server', () => {
    const name = fc.constantFrom('machine-a', 'machine-b')
    const servers: fc.Arbitrary<[string, string][]> = fc.array(
      fc.tuple(fc.constantFrom(own, second, 'simulated:///r/machine-b', 'x'), name),
    )
    fc.assert(
      fc.property(servers, (listed) => {
        const machines = new Map(
          ['machine-a', 'machine-b'].map((one) => [one, launched('Running', { metadata: { name: one } })]),
        )
        for (const { providerId, machineName } of findDuplicates({ servers: new Map(listed), machines })) {
          expect(machines.get(machineName)?.spec?.providerID).not.toBe(providerId)
          expect(new Map(listed).get(machines.get(machineName)?.spec?.providerID ?? '')).toBe(machineName)
        }
      }),
    )
  })
})

async function setUp() {
  const { clock, rig } = await startSmallPool('duplicates')
  const [first] = rig.cloud.servers()
  if (first === undefined) throw new InvariantError('the rig made no server')
  const ids = () => rig.cloud.servers().map(({ id }) => id)
  return { clock, rig, first, ids }
}

describe('a cloud that made two servers for one machine', () => {
  it('loses the second after the grace, and keeps the machine, its server and its node as they are', async () => {
    const { clock, rig, first, ids } = await setUp()
    const before = ids()
    const { id } = rig.cloud.duplicate(first)
    await clock.advance(15 * minute)
    expect(ids()).toEqual([...before, id])
    await clock.advance(32 * minute)
    expect(ids()).toEqual(before)
    expect((await rig.machines()).map(({ status }) => status?.currentStatus?.phase)).toEqual(['Running', 'Running'])
    expect(await rig.nodes()).toHaveLength(2)
    await rig[Symbol.asyncDispose]()
  })

  it('is tried again when it refuses', async () => {
    const { clock, rig, first, ids } = await setUp()
    const before = ids()
    rig.cloud.duplicate(first)
    rig.cloud.script({ operation: 'delete', kind: 'Unavailable', times: 1 })
    await clock.advance(62 * minute)
    expect(ids()).toEqual(before)
    await rig[Symbol.asyncDispose]()
  })

  it('keeps those of other clusters', async () => {
    const { clock, rig, first, ids } = await setUp()
    const tags = { 'kubernetes.io/cluster/another': '1', 'kubernetes.io/role/node': '1' }
    const { id } = rig.cloud.duplicate({ ...first, tags })
    await clock.advance(62 * minute)
    expect(ids()).toContain(id)
    expect(ids()).toHaveLength(3)
    await rig[Symbol.asyncDispose]()
  })
})
