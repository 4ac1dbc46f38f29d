import { namespaces, secrets } from '@trellis/api/core/configuration'
import { deployments } from '@trellis/api/core/workload'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { createMemoryJournal } from '@trellis/flow/journal'
import { type FlowResult, runFlow } from '@trellis/flow/run-flow'
import { crashAfterEveryAppend, drive, failEveryTask, repeatEveryTask } from '@trellis/flow/testing/stock-tests'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { createShootWorld, type ShootWorld } from '../../testing/shoot-world.ts'
import { makeDeleteFlow } from './delete-flow.ts'

const namespace = 'shoot--local--first'
const apiVersion = 'machine.sapcloud.io/v1alpha1'

/** A world with a shoot that is up, and a machine controller that lets go of what is deleted unless it is dead. */
async function populated(controller: 'alive' | 'dead' = 'alive'): Promise<ShootWorld> {
  const world = createShootWorld()
  const { garden, cloud } = world
  const network = await cloud.client.createNetwork({ name: namespace, cidr: '10.250.0.0/16' })
  for (const name of ['a', 'b']) cloud.addServer(network.name, name)
  cloud.addLoadBalancer(network.name, 'lb-of-user')
  cloud.addRoute(network.name, '100.96.0.0/24')
  const finalizers = [machineFinalizers.object]
  const metadata = (name: string) => ({ name, namespace, finalizers: [...finalizers] })
  await garden.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  await garden.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'first.kubeconfig', namespace: 'garden-local' },
  })
  await garden.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'user-data', namespace, finalizers: [machineFinalizers.secret] },
  })
  const template = {}
  const providerSpec = {}
  await garden.create(machineDeployments, {
    apiVersion,
    kind: 'MachineDeployment',
    metadata: metadata('pool'),
    spec: { template },
  })
  await garden.create(machineSets, { apiVersion, kind: 'MachineSet', metadata: metadata('pool-1'), spec: {} })
  for (const name of ['a', 'b'])
    await garden.create(machines, { apiVersion, kind: 'Machine', metadata: metadata(name) })
  await garden.create(machineClasses, { apiVersion, kind: 'MachineClass', metadata: metadata('pool-1'), providerSpec })
  await garden.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cloud-controller-manager', namespace },
  })
  if (controller === 'alive')
    for (const kind of [machines, machineSets, machineDeployments, machineClasses]) letGo(world, kind)
  return world
}

function letGo(
  { garden, cloud }: ShootWorld,
  resource: typeof machines | typeof machineSets | typeof machineDeployments | typeof machineClasses,
): void {
  const work = async () => {
    for await (const { object } of garden.watch(resource as typeof machines, { namespace })) {
      const { name, deletionTimestamp, finalizers } = object.metadata
      if (deletionTimestamp === undefined || (finalizers ?? []).length === 0) continue
      if (resource.kind === 'Machine')
        for (const [id, server] of cloud.servers) if (server.name === name) cloud.servers.delete(id)
      await garden
        .patch(resource as typeof machines, { namespace, name }, { metadata: { finalizers: [] } })
        .catch(() => undefined)
    }
  }
  work().catch(() => undefined)
}

function run(world: ShootWorld, flow = makeDeleteFlow()): Promise<FlowResult> {
  const options = {
    clock: world.clock,
    random: createSeededRandom('run'),
    journal: createMemoryJournal(),
    run: 'one',
    services: world.deletionServices,
  }
  return drive(world.clock, runFlow(flow, options))
}

async function expectNothingLeft(world: ShootWorld): Promise<void> {
  const { garden, cloud } = world
  for (const resource of [machines, machineSets, machineDeployments, machineClasses, namespaces]) {
    expect((await garden.list(resource as typeof machines)).items.map((one) => one.metadata.name)).toEqual([])
  }
  expect(await garden.find(secrets, { namespace: 'garden-local', name: 'first.kubeconfig' })).toBeUndefined()
  expect([...cloud.networks, ...cloud.servers, ...cloud.balancers, ...cloud.routes]).toEqual([])
}

describe('taking a shoot down', () => {
  it('leaves nothing behind', async () => {
    const world = await populated()
    const begin = world.clock.now()
    const result = await run(world)
    expect(result.errors).toEqual([])
    expect(result.outcome).toBe('succeeded')
    await expectNothingLeft(world)
    expect(world.clock.now() - begin).toBeLessThan(5000)
  })

  it('tells the machine controller not to drain', async () => {
    const world = await populated()
    const labels: unknown[] = []
    world.garden.onCall((call) => {
      if (call.method === 'patch' && call.target === 'machines') {
        labels.push((call.body as Partial<Machine>).metadata?.labels?.[machineLabels.forceDeletion])
      }
    })
    await run(world)
    expect(labels.filter((label) => label === 'True')).toHaveLength(2)
  })

  it('comes to an end without a machine controller too', async () => {
    const world = await populated('dead')
    const result = await run(world)
    expect(result.outcome).toBe('succeeded')
    await expectNothingLeft(world)
  })

  it('keeps the namespace until the infrastructure is gone where its state is in there, and only there', () => {
    const waitsFor = (flow: ReturnType<typeof makeDeleteFlow>) =>
      flow.tasks.find(({ id }) => id === 'namespace-gone')?.dependsOn
    expect(waitsFor(makeDeleteFlow({ stateInNamespace: true }))).toContain('infrastructure-gone')
    expect(waitsFor(makeDeleteFlow())).not.toContain('infrastructure-gone')
  })

  it('keeps the state of an infrastructure that cannot be taken down', async () => {
    const world = await populated()
    const cannot = {
      ...world.deletionServices.infrastructure,
      destroy: () => Promise.reject(new Failure('Invalid', 'no')),
    }
    const services = { ...world.deletionServices, infrastructure: cannot }
    const result = await run({ ...world, deletionServices: services }, makeDeleteFlow({ stateInNamespace: true }))
    expect(result.errors.map(({ task }) => task)).toEqual(['infrastructure-gone'])
    expect(await world.garden.find(namespaces, { name: world.deletionServices.identity.technicalId })).toBeDefined()
  })

  it('does nothing for a shoot of which nothing was ever made', async () => {
    const result = await run(createShootWorld())
    expect(result.outcome).toBe('succeeded')
  })
})

describe('the stock tests', () => {
  it('pass', async () => {
    // Worlds are made beforehand, because making one takes calls.
    const worlds = await Promise.all(Array.from({ length: 40 }, () => populated()))
    const make = () => {
      const world = worlds.pop() ?? createShootWorld()
      return {
        flow: makeDeleteFlow(),
        services: world.deletionServices,
        clock: world.clock,
        describeWorld: () => [...world.cloud.networks, ...world.cloud.servers, ...world.cloud.balancers],
      }
    }
    await repeatEveryTask(make)
    await failEveryTask(make)
    await crashAfterEveryAppend(make)
  }, 60_000)
})
