import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createInformer } from '@trellis/kubernetes/informer'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { expect } from 'vitest'
import { createFreshReader } from '../src/common/freshness.ts'
import { ownerIndex } from '../src/machine-set/controller.ts'
import { withLateWatch } from './late-watch.ts'
import { epoch, ownedBy } from './objects.ts'

export const namespace = 'shoot--local--first'
export const lateMilliseconds = 3000

/** A set with one machine, both shown; from then on machines are shown late. */
export async function createLateSet() {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('catch-up')
  const client = createFakeClient({ clock, random: random.child('server') })
  const set = await client.create(machineSets, {
    apiVersion: 'machine.sapcloud.io/v1alpha1',
    kind: 'MachineSet',
    metadata: { name: 'set', namespace },
    spec: { replicas: 1 },
  })
  const machine = await client.create(machines, ownMachine(set, 'a'))
  const late = withLateWatch(client, clock, { plural: 'machines', milliseconds: lateMilliseconds })
  const parts = { client: late, clock, random, log: createSilentLog(), selection: { namespace } }
  const shownSets = createInformer({ ...parts, resource: machineSets })
  const shown = createInformer({ ...parts, resource: machines, indexes: ownerIndex })
  const stop = new AbortController()
  const running = [shownSets.run(stop.signal), shown.run(stop.signal)]
  await clock.advance(10_000)
  expect(shown.list(namespace)).toHaveLength(1)
  const setReader = createFreshReader(shownSets)
  const key = { namespace, name: 'set' }
  return {
    clock,
    client,
    context: { clock, control: client, namespace, machines: shown, setReader },
    set: () => setReader.get(key) as MachineSet,
    machine,
    resize: (replicas: number) => client.patch(machineSets, key, { spec: { replicas } }, { type: 'merge' }),
    asked: () => client.calls.filter(({ method }) => method === 'find' || method === 'list').length,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all(running)
    },
  }
}

/** A machine of the set. */
export function ownMachine(set: MachineSet, name: string): Machine {
  return ownedBy(set, { apiVersion: set.apiVersion, kind: 'Machine', metadata: { name, namespace } })
}

/** That set, the clock of its world, and what looks at it. */
export type LateSet = Awaited<ReturnType<typeof createLateSet>>
