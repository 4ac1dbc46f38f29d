import { configMaps, secrets } from '@trellis/api/core/configuration'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { ancestors, unreadOutputs } from '@trellis/flow/define-flow'
import { drawFlow } from '@trellis/flow/draw-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { type FlowResult, runFlow } from '@trellis/flow/run-flow'
import {
  crashAfterEveryAppend,
  drive,
  failEveryTask,
  type MakeSpecimen,
  repeatEveryTask,
} from '@trellis/flow/testing/stock-tests'
import { describe as explain, Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { createShootWorld, exampleCredentials, type ShootWorld } from '../../testing/shoot-world.ts'
import type { ShootServices } from '../tasks/services.ts'
import { makeCreateFlow } from './create-flow.ts'

function run(world: ShootWorld, change: Partial<ShootServices> = {}): Promise<FlowResult> {
  const options = {
    clock: world.clock,
    random: createSeededRandom('run'),
    journal: createMemoryJournal(),
    run: 'one',
    services: { ...world.services, ...change },
  }
  return drive(world.clock, runFlow(makeCreateFlow(), options))
}

describe('the graph', () => {
  const flow = makeCreateFlow()
  const before = ancestors(flow.tasks)

  it('asks for machines before the API server is up', () => {
    expect([...(before.get('machines') ?? [])].sort()).toEqual([
      'cloud-credentials',
      'front-door',
      'infrastructure',
      'namespace',
      'secrets',
    ])
  })

  it('lets the network of the cloud wait for the namespace of its state alone', () => {
    expect([...(before.get('infrastructure') ?? [])]).toEqual(['namespace'])
  })

  it('hands over nothing that nobody reads', () => {
    expect(unreadOutputs(flow)).toEqual([])
  })

  it('draws itself', () => {
    expect(drawFlow(flow)).toContain('task_secrets --> task_machines')
  })
})

describe('a run', () => {
  it('brings a shoot up', async () => {
    const world = createShootWorld()
    const result = await run(world)
    expect(result.errors.map(({ task, error }) => `${task}: ${explain(error)}`)).toEqual([])
    expect(result.outcome).toBe('succeeded')
    expect(world.cared.count).toBe(1)
    expect([...world.cloud.networks.values()]).toMatchObject([
      {
        name: 'shoot--local--first',
        cidr: '10.250.0.0/16',
        tags: { 'kubernetes.io/cluster/shoot--local--first': '1' },
      },
    ])
    const published = await world.garden.get(secrets, { namespace: 'garden-local', name: 'first.kubeconfig' })
    const text = Buffer.from(published.data?.kubeconfig ?? '', 'base64').toString()
    expect(text).toContain('server: https://198.18.0.10:6443')
    expect(published.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Shoot', name: 'first' })
  })

  it('gives helm the values of the shoot and no secrets', async () => {
    const world = createShootWorld()
    await run(world)
    expect(world.installed.get('control-plane')?.values).toMatchObject({
      technicalId: 'shoot--local--first',
      frontDoor: { address: '198.18.0.10', port: 6443, tunnelPorts: [51820, 51821], relayPort: 8443 },
      networks: { pods: '100.96.0.0/16', services: '100.64.0.0/16', nodeCidrMaskSize: 24 },
    })
    const text = JSON.stringify([...world.installed.values()])
    expect(text).not.toContain('PRIVATE KEY')
    expect(text).not.toContain(exampleCredentials.token)
    const tunnel = await world.garden.get(secrets, { namespace: 'shoot--local--first', name: 'vpn-keys' })
    for (const value of Object.values(tunnel.data ?? {})) {
      expect(text).not.toContain(Buffer.from(value, 'base64').toString())
    }
  })

  it('keeps the number of machines that somebody else has asked for, within the bounds', async () => {
    for (const [present, wanted] of [
      [3, 3],
      [9, 3],
      [0, 2],
    ]) {
      const world = createShootWorld()
      await world.garden.create(machineDeployments, {
        apiVersion: 'machine.sapcloud.io/v1alpha1',
        kind: 'MachineDeployment',
        metadata: { name: 'shoot--local--first-worker', namespace: 'shoot--local--first' },
        spec: { replicas: present ?? 0, template: {} },
      })
      await run(world)
      expect(JSON.stringify(world.installed.get('machines')?.values)).toContain(`"replicas":${wanted}`)
    }
  })

  it('says at which task an outside fault stands in the way, and stops only what needs it', async () => {
    const world = createShootWorld()
    world.cloud.client.createNetwork = () => Promise.reject(new Failure('Invalid', 'bad range'))
    const result = await run(world)
    expect(result.errors.map((one) => one.task)).toEqual(['infrastructure'])
    const states = Object.fromEntries(result.snapshot.tasks.map((task) => [task.task, task.state]))
    expect(states).toMatchObject({ 'add-ons': 'succeeded', machines: 'blocked', 'nodes-ready': 'blocked' })
  })

  it('leaves no journal entry that holds a secret', async () => {
    const world = createShootWorld()
    const journal = createMemoryJournal()
    const options = {
      clock: world.clock,
      random: createSeededRandom('run'),
      journal,
      run: 'one',
      services: world.services,
    }
    await drive(world.clock, runFlow(makeCreateFlow(), options))
    const text = JSON.stringify(await journal.load())
    expect(text).not.toContain('PRIVATE KEY')
    expect(text).toContain('198.18.0.10')
    expect(await world.garden.list(configMaps)).toMatchObject({ items: [] })
  })
})

describe('the stock tests', () => {
  const make: MakeSpecimen<ShootServices> = () => {
    const world = createShootWorld()
    return {
      flow: makeCreateFlow(),
      services: world.services,
      clock: world.clock,
      describeWorld: () => ({
        installed: [...world.installed.keys()].sort(),
        networks: [...world.cloud.networks.values()].map((network) => network.name),
        values: JSON.stringify(world.installed.get('machines')?.values).length > 100,
      }),
    }
  }

  it('pass when every task is repeated', () => repeatEveryTask(make))
  it('pass when every task fails once', () => failEveryTask(make), 60_000)
  it('pass when the process is killed at every moment', async () => {
    expect(await crashAfterEveryAppend(make)).toBeGreaterThanOrEqual(36)
  }, 60_000)
})
