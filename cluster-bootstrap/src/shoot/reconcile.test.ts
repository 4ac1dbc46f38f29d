import { configMaps, namespaces, secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { seeds } from '@trellis/api/garden/seed'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { exampleCloudProfile, exampleSeed } from '@trellis/api/testing/examples'
import { drive } from '@trellis/flow/testing/stock-tests'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import type { Outcome } from '@trellis/kubernetes/controller'
import { describe, expect, it } from 'vitest'
import { createShootWorld, exampleImages, type ShootWorld, storedShoot } from '../../testing/shoot-world.ts'
import { knownClouds } from '../clouds/known-clouds.ts'
import { identityOf } from './blueprint.ts'
import { makeCreateFlow } from './create-flow.ts'
import { reconcilePeriodMilliseconds } from './decide.ts'
import { makeDeleteFlow } from './delete-flow.ts'
import { createShootReconcile, type ReconcilePorts } from './reconcile.ts'

const key = { namespace: 'garden-local', name: 'first' }

/** What is up is reconciled by itself once a day. */
const tomorrow = { kind: 'again', afterMilliseconds: expect.any(Number) }

interface Bench extends ShootWorld {
  readonly begun: string[]
  readonly ended: string[]
  reconcile(signal?: AbortSignal): Promise<Outcome>
  shoot(): Promise<Shoot>
}

async function bench(change: (shoot: Shoot) => void = () => {}, ports: Partial<ReconcilePorts> = {}): Promise<Bench> {
  const world = createShootWorld()
  const { clock, garden } = world
  await garden.create(cloudProfiles, exampleCloudProfile())
  await garden.create(seeds, exampleSeed())
  const { uid: _, generation: __, ...metadata } = storedShoot().metadata
  const shoot: Shoot = { ...storedShoot(), metadata }
  shoot.spec.seedName = 'local'
  change(shoot)
  await garden.create(shoots, shoot)
  const [begun, ended]: [string[], string[]] = [[], []]
  const reconcile = createShootReconcile({
    clock,
    random: createSeededRandom('reconcile'),
    log: createSilentLog(),
    garden,
    seedName: 'local',
    images: exampleImages,
    createFlow: makeCreateFlow(),
    deleteFlowOf: () => makeDeleteFlow(),
    clouds: knownClouds,
    servicesOf: (_shoot, { blueprint, cloud }) => ({ ...world.services, blueprint, cloud }),
    deletionServicesOf: (one) => ({ ...world.deletionServices, identity: identityOf(one) }),
    beginCare: async (one) => void begun.push(one.metadata.name),
    endCare: async (one) => void ended.push(one),
    untilOutdated: (_key, _shoot, signal) => ({ signal, [Symbol.dispose]: () => {} }),
    ...ports,
  })
  return {
    ...world,
    begun,
    ended,
    reconcile: (signal = new AbortController().signal) => drive(clock, reconcile('garden-local/first', signal)),
    shoot: () => garden.get(shoots, key),
  }
}

describe('a new shoot', () => {
  it('is grown, and its status tells so', async () => {
    const { reconcile, shoot, garden } = await bench()
    expect(await reconcile()).toEqual(tomorrow)
    const { metadata, status } = await shoot()
    expect(metadata.finalizers).toEqual(['gardener'])
    expect(status).toMatchObject({
      lastOperation: { type: 'Create', state: 'Succeeded', progress: 100 },
      observedGeneration: 1,
      seedName: 'local',
      technicalID: 'shoot--local--first',
      uid: metadata.uid,
      advertisedAddresses: [{ name: 'external', url: 'https://198.18.0.10:6443' }],
      networking: { nodes: ['10.250.0.0/16'] },
    })
    expect(status?.lastErrors).toBeUndefined()
    expect(new Set(status?.tasks?.map((task) => task.state))).toEqual(new Set(['Succeeded']))
    expect(await garden.find(configMaps, { namespace: 'garden-local', name: 'first.flow' })).toBeUndefined()
  })

  it('is looked after, and touched no more, until something changes', async () => {
    const { reconcile, begun, garden } = await bench()
    await reconcile()
    const before = garden.calls.length
    expect(await reconcile()).toEqual(tomorrow)
    expect(garden.calls.slice(before).map((call) => call.method)).toEqual(['find'])
    expect(begun).toEqual(['first'])
  })

  it('is reconciled by itself a day later', async () => {
    const { reconcile, shoot, clock } = await bench()
    await reconcile()
    await clock.advance(reconcilePeriodMilliseconds)
    expect(await reconcile()).toEqual(tomorrow)
    expect((await shoot()).status?.lastOperation).toMatchObject({ type: 'Reconcile', state: 'Succeeded' })
  })

  it("is nothing to us when it is another seed's", async () => {
    const { reconcile, garden } = await bench((shoot) => {
      shoot.spec.seedName = 'other'
    })
    expect(await reconcile()).toEqual({ kind: 'done' })
    expect(garden.calls.filter((call) => call.method === 'patch')).toEqual([])
  })
})

describe('a shoot that cannot be', () => {
  it.each([
    {
      name: 'an unknown machine type',
      change: (shoot: Shoot) => {
        const [worker] = shoot.spec.provider.workers ?? []
        if (worker !== undefined) worker.machine.type = 'huge'
      },
      field: 'spec.provider.workers[0].machine.type',
    },
    {
      name: 'a version that nobody offers',
      change: (shoot: Shoot) => {
        shoot.spec.kubernetes = { version: '1.2.3' }
      },
      field: 'spec.kubernetes.version',
    },
    {
      name: "networks that overlap the seed's",
      change: (shoot: Shoot) => {
        shoot.spec.networking = { pods: '10.1.0.0/16' }
      },
      field: 'spec.networking.pods',
    },
    {
      name: 'an unknown cloud profile',
      change: (shoot: Shoot) => {
        shoot.spec.cloudProfile = { kind: 'CloudProfile', name: 'none' }
      },
      field: 'spec.cloudProfile.name',
    },
    {
      name: 'an unknown field',
      change: (shoot: Shoot) => {
        Object.assign(shoot.spec, { unheardOf: 1 })
      },
      field: 'spec.unheardOf',
    },
  ])('is refused for $name, and nothing is made', async ({ change, field }) => {
    const { reconcile, shoot, garden, cloud, installed } = await bench(change)
    expect(await reconcile()).toMatchObject({ kind: 'blocked' })
    const { metadata, status } = await shoot()
    expect(status?.lastOperation).toMatchObject({ type: 'Create', state: 'Failed', progress: 0 })
    expect(status?.lastErrors?.[0]?.description).toContain(field)
    expect(status?.lastErrors?.[0]?.codes).toEqual(['ERR_CONFIGURATION_PROBLEM'])
    expect(metadata.finalizers ?? []).toEqual([])
    expect((await garden.list(namespaces)).items).toEqual([])
    expect((await garden.list(secrets)).items).toEqual([])
    expect([...cloud.networks, ...installed]).toEqual([])
  })

  it('is told so once', async () => {
    const { reconcile, garden } = await bench((shoot) => {
      shoot.spec.kubernetes = { version: '1.2.3' }
    })
    await reconcile()
    const before = garden.calls.length
    await reconcile()
    expect(garden.calls.slice(before).filter((call) => call.method === 'patch')).toEqual([])
  })

  it('is grown once what it refers to exists', async () => {
    const { reconcile, shoot, garden } = await bench((one) => {
      one.spec.kubernetes = { version: '1.39.0' }
    })
    await reconcile()
    const profile = await garden.get(cloudProfiles, { name: 'local' })
    profile.spec.kubernetes.versions.push({ version: '1.39.0', classification: 'supported' })
    await garden.replace(cloudProfiles, profile)
    await reconcile()
    expect((await shoot()).status?.lastOperation).toMatchObject({ type: 'Create', state: 'Succeeded' })
  })
})

describe('an operation that fails', () => {
  it('is tried again where it stopped', async () => {
    const { reconcile, shoot, garden, installed } = await bench()
    let down = true
    garden.onCall((call) => {
      if (down && call.method === 'apply' && call.key?.name === 'first.kubeconfig') {
        throw new Failure('Unavailable', 'the garden is down')
      }
    })
    expect(await reconcile()).toEqual({ kind: 'again', afterMilliseconds: 10_000 })
    const { status } = await shoot()
    expect(status?.lastOperation).toMatchObject({ type: 'Create', state: 'Error' })
    expect(status?.lastErrors).toMatchObject([{ taskID: 'kubeconfig', description: 'kubeconfig: the garden is down' }])
    expect(status?.retryCycleStartTime).toBe('2026-06-01T00:00:00Z')
    down = false
    installed.clear()
    expect(await reconcile()).toEqual(tomorrow)
    expect((await shoot()).status?.lastOperation?.state).toBe('Succeeded')
    expect([...installed.keys()]).toEqual([])
  })

  it('is given up when trying again cannot help, until somebody asks', async () => {
    const world = await bench()
    let wrong = true
    const { createNetwork } = world.cloud.client
    world.cloud.client.createNetwork = async (request, options) => {
      if (wrong) throw new Failure('Exhausted', 'no networks left', { remedy: 'delete one' })
      return createNetwork(request, options)
    }
    expect(await world.reconcile()).toMatchObject({ kind: 'again' })
    const { status } = await world.shoot()
    expect(status?.lastErrors).toMatchObject([{ taskID: 'infrastructure', codes: ['ERR_INFRA_QUOTA_EXCEEDED'] }])
    await world.clock.advance(13 * 3600 * 1000)
    expect(await world.reconcile()).toMatchObject({ kind: 'again' })
    expect((await world.shoot()).status?.lastOperation?.state).toBe('Failed')
    expect(await world.reconcile()).toMatchObject({ kind: 'blocked' })
    wrong = false
    await world.garden.patch(shoots, key, { metadata: { annotations: { 'gardener.cloud/operation': 'retry' } } })
    expect(await world.reconcile()).toEqual(tomorrow)
    const { metadata, status: after } = await world.shoot()
    expect(after?.lastOperation?.state).toBe('Succeeded')
    expect(metadata.annotations?.['gardener.cloud/operation']).toBeUndefined()
  })

  it('that is called off leaves what it has recorded to the next', async () => {
    const stop = new AbortController()
    const { reconcile, shoot, garden, installed } = await bench()
    garden.onCall((call) => {
      if (call.method === 'apply' && call.key?.name === 'first.kubeconfig') stop.abort(new Error('stopping'))
    })
    await reconcile(stop.signal)
    expect((await shoot()).status?.lastOperation).toMatchObject({ type: 'Create', state: 'Processing' })
    const before = [...installed.keys()].sort()
    installed.clear()
    await reconcile()
    expect((await shoot()).status?.lastOperation).toMatchObject({ type: 'Create', state: 'Succeeded' })
    expect(before).toEqual(['control-plane', 'machine-controller-manager', 'machines', 'shoot-addons'])
    expect([...installed.keys()]).toEqual([])
  })
})

describe('a shoot that is up', () => {
  it('is reconciled when its spec changes', async () => {
    const { reconcile, shoot, garden, installed } = await bench()
    await reconcile()
    const current = await shoot()
    const [worker] = current.spec.provider.workers ?? []
    if (worker !== undefined) Object.assign(worker, { minimum: 3, maximum: 3 })
    await garden.replace(shoots, current)
    installed.clear()
    await reconcile()
    expect((await shoot()).status).toMatchObject({
      lastOperation: { type: 'Reconcile', state: 'Succeeded' },
      observedGeneration: 2,
    })
    expect(JSON.stringify(installed.get('machines')?.values)).toContain('"replicas":3')
  }, 30_000)

  it('is taken down when it is deleted', async () => {
    const { reconcile, garden, cloud, ended } = await bench()
    await reconcile()
    await garden.delete(shoots, key)
    expect(await reconcile()).toEqual({ kind: 'done' })
    expect(ended).toEqual(['garden-local/first'])
    expect(await garden.find(shoots, key)).toBeUndefined()
    expect(await garden.find(namespaces, { name: 'shoot--local--first' })).toBeUndefined()
    expect((await garden.list(configMaps)).items).toEqual([])
    expect([...cloud.networks]).toEqual([])
    expect(await reconcile()).toEqual({ kind: 'done' })
  })
})
