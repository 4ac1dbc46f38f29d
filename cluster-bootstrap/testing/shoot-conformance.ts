import { secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { keyOf } from '@trellis/api/meta'
import type { CreateMachineRequest, Driver } from '@trellis/cloudprovider/contract/driver'
import type { Flow } from '@trellis/flow/define-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe as explain } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import type { FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it, vi } from 'vitest'
import { decodeSecret, encodeSecret, type SecretData } from '../src/secrets/secret-store.ts'
import { makeCreateFlow } from '../src/shoot/create-flow.ts'
import { makeDeleteFlow } from '../src/shoot/delete-flow.ts'
import type { ExampleGrowth } from './example-clouds.ts'
import { createShootWorld, type ShootWorld } from './shoot-world.ts'

/** A cloud that a shoot is grown on, or a double of it, with nothing of the shoot in it. */
export interface ShootHarness extends AsyncDisposable {
  /** What is grown; the cloud as it is, but for how it is reached. */
  readonly growth: ExampleGrowth
  /** Data of the Secret with the account, as its owner writes it. */
  readonly account: SecretData
  /** What of it must be seen nowhere but in Secrets. */
  readonly hidden: string
  /** Servers of the shoot that have not ended. */
  servers(): Promise<readonly string[]>
  /** All else of the shoot that is at the cloud. */
  holdings(): Promise<readonly string[]>
  /** Lets what the cloud has accepted come to an end, where that takes a hint. */
  settle?(): void
}

/** What differs between clouds. */
export interface ShootExpectations {
  /** Identifiers that the Shoot's status has once there are networks. */
  readonly noted: readonly string[]
  /** Provider ids of servers. */
  readonly providerId: RegExp
  /** Parts of pools: one for each zone. */
  readonly parts: number
}

const slowest = { timeout: 120_000, interval: 50 }

/** The law of a shoot on a cloud with an account of its own: what the flows of creation and deletion make there, and that all of it goes. */
export function describeShootOn(
  name: string,
  open: () => Promise<ShootHarness>,
  { noted, providerId, parts }: ShootExpectations,
): void {
  describe(`a shoot on ${name}`, () => {
    it('gets networks and classes of which the driver makes servers, and all of it goes again', async () => {
      await using harness = await open()
      const { world, shoot, events } = await grow(harness)
      expect(Object.keys(shoot.status?.infrastructure?.state ?? {})).toEqual(expect.arrayContaining([...noted]))
      expect(await harness.holdings()).not.toEqual([])
      expect(JSON.stringify([shoot, events, [...world.installed.values()]])).not.toContain(harness.hidden)

      const requests = await machineRequests(world)
      expect(requests).toHaveLength(parts)
      const { driver } = await world.services.infrastructure.connection()
      for (const request of requests) {
        const made = await makeServer(harness, driver, request)
        expect(made).toMatch(providerId)
        await removeServer(harness, driver, request)
      }
      await takeDown(harness, world.garden, shoot)
    })

    it('goes with all that it has by credentials that were deleted before it, and lets those go then', async () => {
      await using harness = await open()
      const { world, shoot } = await grow(harness)
      const { garden } = world
      const key = keyOfAccount(shoot)
      await garden.delete(secrets, key)
      await garden.delete(credentialsBindings, key)
      expect((await garden.find(secrets, key))?.metadata.deletionTimestamp).toBeDefined()
      await takeDown(harness, garden, shoot)
      expect(await garden.find(secrets, key)).toBeUndefined()
      expect(await garden.find(credentialsBindings, key)).toBeUndefined()
    })

    it('has the same things after it was grown once more', async () => {
      await using harness = await open()
      const { world, shoot } = await grow(harness)
      const before = await harness.holdings()
      const state = shoot.status?.infrastructure?.state
      const again = createShootWorld({ ...harness.growth, shoot, garden: world.garden })
      await carryOut(makeCreateFlow(), again.services)
      expect(await harness.holdings()).toEqual(before)
      const after = await world.garden.get(shoots, keyOf(shoot))
      expect(after.status?.infrastructure?.state).toEqual(state)
      expect(again.installed.get('machines')).toEqual(world.installed.get('machines'))
      await takeDown(harness, world.garden, after)
    })
  })
}

/** Carries a flow out to its end, in real time; the events of its journal. */
async function carryOut<Services>(flow: Flow<Services>, services: Services) {
  const journal = createMemoryJournal()
  const ports = { clock: createSystemClock(), random: createSeededRandom('run'), journal, run: 'one', services }
  const { errors } = await runFlow(flow, ports)
  expect(errors.map(({ task, error }) => `${task}: ${explain(error)}`)).toEqual([])
  return journal.load()
}

/** The shoot as it is stored after the flow that grows it. */
async function grow({ growth, account }: ShootHarness) {
  const world = createShootWorld(growth)
  const { garden, services } = world
  await garden.create(cloudProfiles, growth.cloudProfile)
  await garden.create(shoots, growth.shoot)
  await addAccount(garden, growth.shoot, account)
  const events = await carryOut(makeCreateFlow(), services)
  return { world, events, shoot: await garden.get(shoots, keyOf(growth.shoot)) }
}

/** Binding and Secret are called alike in all examples. */
function keyOfAccount({ metadata, spec }: Shoot) {
  return { name: spec.credentialsBindingName ?? '', namespace: metadata.namespace ?? '' }
}

async function addAccount(garden: FakeClient, shoot: Shoot, account: SecretData): Promise<void> {
  const key = keyOfAccount(shoot)
  await garden.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: key, data: encodeSecret(account) })
  await garden.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata: key,
    provider: { type: shoot.spec.provider.type },
    credentialsRef: { apiVersion: 'v1', kind: 'Secret', ...key },
  })
}

/** Takes it down as the next operation would, which knows what the Shoot says. */
async function takeDown(harness: ShootHarness, garden: FakeClient, shoot: Shoot): Promise<void> {
  const later = createShootWorld({ ...harness.growth, shoot, garden })
  await carryOut(makeDeleteFlow(), later.deletionServices)
  expect(await harness.holdings()).toEqual([])
  expect((await garden.get(shoots, keyOf(shoot))).status?.infrastructure?.state ?? {}).toEqual({})
}

interface PoolValues {
  readonly name: string
  readonly providerSpec: Readonly<Record<string, unknown>>
  readonly userData: string
}

/** What the machine controller would ask its driver for: a machine of each part, with the credentials of the control namespace. */
async function machineRequests({ installed, garden, services }: ShootWorld): Promise<readonly CreateMachineRequest[]> {
  const namespace = services.blueprint.technicalId
  const credentials = decodeSecret(await garden.get(secrets, { namespace, name: 'cloud-credentials' }))
  const { values } = installed.get('machines') as { readonly values: { readonly pools?: readonly PoolValues[] } }
  return (values.pools ?? []).map(({ name, providerSpec, userData }) => ({
    machineName: `${name}-x`,
    providerSpec,
    secret: { ...credentials, userData },
    userData,
  }))
}

/** Makes a server and sees it run; its provider id. */
async function makeServer(harness: ShootHarness, driver: Driver, request: CreateMachineRequest): Promise<string> {
  const { providerId } = await driver.createMachine(request)
  await vi.waitFor(async () => {
    harness.settle?.()
    expect(await driver.getMachineStatus(request)).toMatchObject({ providerId, state: 'running' })
  }, slowest)
  expect(await harness.servers()).toHaveLength(1)
  expect([...(await driver.listMachines(request))]).toEqual([[providerId, request.machineName]])
  return providerId
}

/** Asks for its end until it is gone, as the machine controller does. */
async function removeServer(harness: ShootHarness, driver: Driver, request: CreateMachineRequest): Promise<void> {
  await vi.waitFor(async () => {
    harness.settle?.()
    expect(await driver.deleteMachine(request)).toBe('gone')
  }, slowest)
  expect(await harness.servers()).toEqual([])
}
