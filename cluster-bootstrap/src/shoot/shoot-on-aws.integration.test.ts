import { secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { shoots } from '@trellis/api/garden/shoot'
import { keyOf } from '@trellis/api/meta'
import { startEc2Front } from '@trellis/cloudprovider/aws/testing/ec2-front'
import { contents, type Moto, motoRegion, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import type { Flow } from '@trellis/flow/define-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe as explain } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awsHoldings } from '../../testing/aws-harness.ts'
import { type ExampleGrowth, exampleGrowth } from '../../testing/example-clouds.ts'
import { createShootWorld, type Growth, type ShootWorld } from '../../testing/shoot-world.ts'
import { awsCloud } from '../clouds/aws/cloud.ts'
import type { ShootCloud } from '../clouds/cloud.ts'
import { decodeSecret, encodeSecret } from '../secrets/secret-store.ts'
import { makeCreateFlow } from './create-flow.ts'
import { makeDeleteFlow } from './delete-flow.ts'

const namespace = 'shoot--local--on-aws'
const account = { accessKeyID: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' }
const call = { signal: new AbortController().signal }

let moto: Moto
beforeAll(async () => {
  moto = await startMoto()
}, 600_000)
afterAll(() => moto[Symbol.asyncDispose]())

/** The cloud as it is, but that its requests take real time, while nothing passes in the rest of the world. */
const cloud: ShootCloud = {
  ...awsCloud,
  connect: (ports, endpoints) => {
    if (awsCloud.connect === undefined) throw new TypeError('AWS can be reached')
    return awsCloud.connect({ ...ports, clock: createSystemClock() }, endpoints)
  },
}

/** The example in moto's region, whose profile leads to moto. */
async function exampleAt(url: string): Promise<Pick<ExampleGrowth, 'shoot' | 'cloudProfile'>> {
  const { shoot, cloudProfile } = await exampleGrowth('aws')
  const endpoints = { ec2: url, iam: url, elasticloadbalancing: url }
  cloudProfile.spec.providerConfig = { ...cloudProfile.spec.providerConfig, endpoints }
  return JSON.parse(JSON.stringify({ shoot, cloudProfile }).replaceAll('eu-central-1', motoRegion))
}

async function addAccount({ garden }: ShootWorld): Promise<void> {
  const metadata = { name: 'aws', namespace: 'garden-local' }
  await garden.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: encodeSecret(account) })
  await garden.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata,
    provider: { type: 'aws' },
    credentialsRef: { apiVersion: 'v1', kind: 'Secret', ...metadata },
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

interface PoolValues {
  readonly name: string
  readonly providerSpec: Readonly<Record<string, unknown>>
  readonly userData: string
}

/** Ids of servers that have not ended. */
async function serverIds(): Promise<readonly string[]> {
  const states = {
    'Filter.1.Name': 'instance-state-name',
    'Filter.1.Value.1': 'pending',
    'Filter.1.Value.2': 'running',
  }
  return contents(await moto.ask('ec2', 'DescribeInstances', states), 'instanceId')
}

const holdings = () => awsHoldings(moto, namespace, (name, id) => `${id} ${name}`)

describe('a shoot on AWS in front of moto', () => {
  it('gets networks and classes of which the driver makes servers, and all of it goes again', async () => {
    await moto.reset()
    await using front = await startEc2Front(moto.url)
    const growth: Growth = { ...(await exampleAt(front.url)), cloud }
    const world = createShootWorld(growth)
    const { garden, installed, services } = world
    if (growth.shoot === undefined || growth.cloudProfile === undefined) throw new TypeError('there is an example')
    await garden.create(cloudProfiles, growth.cloudProfile)
    await garden.create(shoots, growth.shoot)
    await addAccount(world)

    const events = await carryOut(makeCreateFlow(), services)
    const shoot = await garden.get(shoots, keyOf(growth.shoot))
    const machines = installed.get('machines') as { readonly values: { readonly pools?: readonly PoolValues[] } }
    const { pools = [] } = machines.values
    expect(Object.keys(shoot.status?.infrastructure?.state ?? {})).toContain('vpc')
    expect(pools).toHaveLength(2)
    // The credentials are in the Secret of the control namespace, which the driver reads, and nowhere else.
    const secret = decodeSecret(await garden.get(secrets, { namespace, name: 'cloud-credentials' }))
    expect(secret).toEqual(account)
    expect(JSON.stringify([shoot, events, [...installed.values()]])).not.toContain(account.secretAccessKey)

    const { driver } = await services.infrastructure.connection()
    for (const { name, providerSpec, userData } of pools) {
      const machine = { machineName: `${name}-x`, providerSpec, secret: { ...secret, userData } }
      const made = await driver.createMachine({ ...machine, userData }, call)
      expect(made.providerId).toMatch(new RegExp(`^aws:///${motoRegion}/i-`))
      expect(await serverIds()).toHaveLength(1)
      await driver.deleteMachine({ ...machine, providerId: made.providerId }, call)
      expect(await serverIds()).toEqual([])
    }

    expect(await holdings()).not.toEqual([])
    const later = createShootWorld({ ...growth, shoot, garden })
    await carryOut(makeDeleteFlow(), later.deletionServices)
    expect(await holdings()).toEqual([])
    expect((await garden.get(shoots, keyOf(shoot))).status?.infrastructure?.state ?? {}).toEqual({})
  })
})
