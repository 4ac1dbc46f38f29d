import { nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineLabels } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { Failure, InvariantError } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { describe, expect, it } from 'vitest'
import { noFaults } from './faults.ts'
import { type RunOptions, runScript, type Script } from './run.ts'
import { namespace, type World } from './world.ts'

/** A run in which nothing goes wrong by itself. */
const peace: Script = {
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

const harms: readonly ({ readonly promise: string; readonly harm: string } & RunOptions)[] = [
  {
    promise: 'no surplus',
    harm: 'one machine too many',
    sabotage: (world) =>
      seconds(world, 300, async () => {
        for (const suffix of ['x', 'y']) {
          const { metadata, spec } = firstMachine(world)
          const { labels, ownerReferences, finalizers } = metadata
          await world.control.create(machines, {
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
    sabotage: ({ target }) => {
      const { list, watch } = target
      const hiding: Pick<Client, 'list' | 'watch'> = {
        list: async (resource, options) => {
          const found = await list(resource, options)
          return resource.plural === pods.plural ? { ...found, items: [] } : found
        },
        watch: async function* (resource, options) {
          for await (const event of watch(resource, options))
            if (resource.plural !== pods.plural || event.type === 'BOOKMARK') yield event
        },
      }
      Object.assign(target, hiding)
    },
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
]

describe('the simulation', () => {
  it('finds nothing wrong where nothing is', async () => {
    expect((await runScript(peace)).breach?.message).toBeUndefined()
  })

  it.each(harms)('notices $harm: $promise', { timeout: 60_000 }, async ({ promise, ...options }) => {
    expect((await runScript(peace, options)).breach?.invariant).toBe(promise)
  })

  it('repeats itself for the same seed', async () => {
    const script: Script = { ...peace, seed: 'again', rates: { ...noFaults, crash: 0.02, requestFailure: 0.1 } }
    const [first, second] = [await runScript(script, { traces: true }), await runScript(script, { traces: true })]
    expect(first.trace.length).toBeGreaterThan(50)
    expect(second.trace).toEqual(first.trace)
  })
})
