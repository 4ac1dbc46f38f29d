import { type Node, nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { volumeAttachments } from '@trellis/api/core/storage'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { isUpdatePhase } from '../../src/machine/in-place-update.ts'
import { phaseOf } from '../../src/machine/phase.ts'
import { preservedUntil } from '../../src/machine/preservation.ts'
import { hasFreezeLabel } from '../../src/safety/overshoot.ts'
import { noFaults } from './faults.ts'
import type { RunOptions, Script, Step } from './run.ts'
import { namespace, type World } from './world.ts'

/** A run in which nothing goes wrong by itself. */
export const peace: Script = {
  seed: 'peace',
  rates: noFaults,
  cloud: { createMilliseconds: 5000, deleteMilliseconds: 1000 },
  joinMilliseconds: 5000,
  steps: [
    { at: 0, do: 'create-deployment', name: 'alpha', replicas: 2 },
    { at: 1, do: 'app', name: 'app-0', replicas: 3 },
    { at: 600, do: 'scale', name: 'alpha', replicas: 1 },
    { at: 700, do: 'create-server', name: 'stray-1' },
    { at: 800, do: 'roll', name: 'alpha', machineClass: 'large' },
    { at: 1200, do: 'break-watches' },
  ],
}

const seconds = (world: World, after: number, work: () => Promise<unknown>) =>
  world.clock.setTimer(after * 1000, () => void work().catch(() => {}))

function every(world: World, period: number, work: () => Promise<unknown>): void {
  seconds(world, period, async () => {
    every(world, period, work)
    await work()
  })
}

const firstMachine = (world: World) => world.control.peek(machines)[0] as Machine

/** Machines that are updated in place, one at a time. */
const updating: readonly Step[] = [
  { at: 0, do: 'create-deployment', name: 'alpha', replicas: 3 },
  {
    at: 1,
    do: 'strategy',
    name: 'alpha',
    strategy: { type: 'InPlaceUpdate', inPlaceUpdate: { maxSurge: 0, maxUnavailable: 1, orchestrationType: 'Auto' } },
  },
  { at: 2, do: 'app', name: 'app-0', replicas: 3 },
  { at: 600, do: 'roll', name: 'alpha', machineClass: 'large' },
]

/** A machine that fails and is to be looked at. */
export const preserving: readonly Step[] = [
  { at: 0, do: 'create-deployment', name: 'alpha', replicas: 2 },
  { at: 300, do: 'preserve-machine', pick: 0, value: 'when-failed' },
  { at: 310, do: 'ready-node', pick: 0, ready: false },
]

/** More machines than a set may have, which the cloud is slow to let go. */
const overshooting: readonly Step[] = [
  { at: 0, do: 'create-deployment', name: 'alpha', replicas: 2 },
  { at: 299, do: 'fail-next', operation: 'delete', times: 40 },
  {
    at: 300,
    do: 'slip-in-machines',
    name: 'alpha',
    machines: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `extra-${name}`),
  },
]

/** Pods with volumes that are slow to detach. */
const detaching: readonly Step[] = [
  { at: 0, do: 'create-deployment', name: 'alpha', replicas: 2 },
  { at: 1, do: 'stateful-app', name: 'data-0', replicas: 3 },
  { at: 2, do: 'detaching', seconds: 30 },
  { at: 600, do: 'roll', name: 'alpha', machineClass: 'large' },
]

/** Something that goes wrong, and the promise that it breaks. */
export interface Harm extends RunOptions {
  readonly promise: string
  readonly harm: string
  /** What users do; what they do in peace unless told. */
  readonly steps?: readonly Step[]
  /** What the breach says: a promise may be broken in several ways. */
  readonly says?: string
}

/** An API server that shows no objects of these kinds. */
function hiding(...kinds: readonly string[]): RunOptions['sabotage'] {
  return ({ target }) => {
    const { list, watch } = target
    const blind: Pick<Client, 'list' | 'watch'> = {
      list: async (resource, options) => {
        const found = await list(resource, options)
        return kinds.includes(resource.plural) ? { ...found, items: [] } : found
      },
      watch: async function* (resource, options) {
        for await (const event of watch(resource, options))
          if (!kinds.includes(resource.plural) || event.type === 'BOOKMARK') yield event
      },
    }
    Object.assign(target, blind)
  }
}

/** A machine like one that there is, of the same set. */
async function makeLike({ metadata, spec }: Machine, suffix: string, { control }: World): Promise<void> {
  const { labels, ownerReferences, finalizers } = metadata
  await control.create(machines, {
    apiVersion: 'machine.sapcloud.io/v1alpha1',
    kind: 'Machine',
    metadata: {
      namespace,
      name: `${metadata.name}-${suffix}`,
      labels: { ...labels, node: '' },
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(finalizers === undefined ? {} : { finalizers }),
    },
    spec: { class: { ...spec?.class } },
  })
}

/** What users do in the harms that have steps of their own. */
export const subjects: readonly (readonly Step[])[] = [updating, preserving, overshooting, detaching]

/** One for each promise at least: what nobody can break proves nothing. */
export const harms: readonly Harm[] = [
  {
    promise: 'no surplus',
    harm: 'one machine too many',
    sabotage: (world) =>
      seconds(world, 300, async () => {
        for (const suffix of ['x', 'y']) await makeLike(firstMachine(world), suffix, world)
      }),
  },
  {
    promise: 'no surplus',
    harm: 'a driver that makes a second server',
    tamper: (driver, cloud) => ({
      ...driver,
      createMachine: async (request, options) => {
        const made = await driver.createMachine(request, options)
        const { machineName, userData } = request
        const place = { machineType: 'small', region: 'region', zone: 'zone' }
        await cloud.create({ ...place, machineName, userData, tags: {} }, { never: 'found' })
        return made
      },
    }),
  },
  {
    promise: 'no orphans',
    harm: 'a driver that lists nothing',
    tamper: (driver) => ({ ...driver, listMachines: async () => new Map() }),
  },
  {
    promise: 'no survivors',
    harm: 'a driver that is never done deleting',
    tamper: (driver) => ({ ...driver, deleteMachine: async () => 'deleting' as const }),
  },
  {
    promise: 'no skipped drains',
    harm: 'an API server that hides all pods',
    sabotage: hiding(pods.plural),
  },
  {
    promise: 'no lost updates',
    harm: 'somebody who writes what is a user’s',
    sabotage: (world) =>
      seconds(world, 300, () =>
        world.control.patch(machineDeployments, { namespace, name: 'alpha' }, { spec: { replicas: 7 } }),
      ),
  },
  {
    promise: 'convergence',
    harm: 'a driver that makes nothing',
    tamper: (driver) => ({ ...driver, createMachine: () => Promise.reject(new Failure('Exhausted', 'no stock')) }),
  },
  {
    promise: 'quiet',
    harm: 'somebody who takes away what the controllers wrote, again and again',
    sabotage: (world) =>
      every(world, 60, async () => {
        for (const node of world.target.peek(nodes)) {
          const labels = { [machineLabels.machineName]: null }
          await world.target.patch(nodes, keyOf(node), { metadata: { labels } }, { type: 'merge' })
        }
      }),
  },
  {
    promise: 'clean end',
    harm: 'a deployment that somebody else holds',
    sabotage: (world) =>
      seconds(world, 300, async () => {
        const key = { namespace, name: 'alpha' }
        const { finalizers = [] } = (await world.control.get(machineDeployments, key)).metadata
        const held = { metadata: { finalizers: [...finalizers, 'example.com/held'] } }
        await world.control.patch(machineDeployments, key, held, { type: 'merge' })
      }),
  },
  {
    promise: 'no collapse',
    harm: 'a bug that ends the manager',
    sabotage: (world) =>
      world.control.onCall(({ method, target }) => {
        if (method === 'create' && target === machines.plural) throw new InvariantError('a bug')
      }),
  },
  {
    promise: 'few at a time',
    harm: 'somebody who chooses all nodes at once',
    steps: updating,
    sabotage: (world) =>
      seconds(world, 620, async () => {
        const labels = { [machineLabels.selectedForUpdate]: 'true' }
        for (const node of world.target.peek(nodes))
          await world.target.patch(nodes, keyOf(node), { metadata: { labels } }, { type: 'merge' })
      }),
  },
  {
    promise: 'kept servers',
    harm: 'somebody who gives a machine another server while it is updated',
    steps: updating,
    sabotage: (world) =>
      every(world, 5, async () => {
        const machine = world.control.peek(machines).find((one) => isUpdatePhase(phaseOf(one)))
        if (machine === undefined) return
        await world.control.patch(machines, keyOf(machine), { spec: { providerID: 'another' } }, { type: 'merge' })
      }),
  },
  {
    promise: 'no skipped drains',
    harm: 'an API server that hides all pods, during updates in place',
    says: 'is given to be updated under',
    steps: updating,
    sabotage: hiding(pods.plural),
  },
  {
    promise: 'no early ends',
    harm: 'somebody who deletes what is preserved',
    steps: preserving,
    sabotage: (world) =>
      every(world, 10, async () => {
        const isHeld = (one: Machine) => phaseOf(one) === 'Failed' && preservedUntil(one) !== undefined
        const machine = world.control.peek(machines).find(isHeld)
        if (machine !== undefined) await world.control.delete(machines, keyOf(machine))
      }),
  },
  {
    promise: 'frozen is frozen',
    harm: 'somebody who makes a machine for a frozen set',
    steps: overshooting,
    sabotage: (world) =>
      seconds(world, 308, async () => {
        if (world.control.peek(machineSets).some(hasFreezeLabel)) await makeLike(firstMachine(world), 'x', world)
      }),
  },
  {
    promise: 'no torn volumes',
    harm: 'somebody who says of nodes that nothing is attached to them',
    steps: detaching,
    sabotage: (world) => {
      const { target } = world
      hiding(volumeAttachments.plural)?.(world)
      const { patch } = target
      const forgetful: Pick<Client, 'patch'> = {
        patch: (resource, key, change, options) =>
          resource.plural === nodes.plural && 'volumesAttached' in ((change as Node).status ?? {})
            ? patch(resource, key, { status: { volumesAttached: [] } }, options)
            : patch(resource, key, change, options),
      }
      Object.assign(target, forgetful)
    },
  },
]
