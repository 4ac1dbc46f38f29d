import { secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { type Machine, machines } from '@trellis/api/machine/machine'
import type { Flow } from '@trellis/flow/define-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { type FlowResult, runFlow } from '@trellis/flow/run-flow'
import { drive } from '@trellis/flow/testing/stock-tests'
import { describe as explain } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { exampleGrowth, exampleOutputs } from '../../testing/example-clouds.ts'
import { createInfrastructureDouble } from '../../testing/infrastructure-double.ts'
import { createShootWorld, type ShootWorld } from '../../testing/shoot-world.ts'
import { awsCloud } from '../clouds/aws/cloud.ts'
import { decodeSecret, encodeSecret } from '../secrets/secret-store.ts'
import { makeCreateFlow } from './create-flow.ts'
import { makeDeleteFlow } from './delete-flow.ts'

const namespace = 'shoot--local--on-aws'
const account = { accessKeyID: 'AKIA', secretAccessKey: 'very secret' }

/** A world with the example of AWS, whose infrastructure is in memory. */
async function setUp() {
  const { shoot, cloudProfile } = await exampleGrowth('aws')
  const double = createInfrastructureDouble(awsCloud, exampleOutputs.aws ?? {})
  cloudProfile.spec.providerConfig = { ...cloudProfile.spec.providerConfig, endpoints: { ec2: 'https://ec2.example' } }
  const world = createShootWorld({ shoot, cloudProfile, cloud: double.cloud })
  await world.garden.create(cloudProfiles, cloudProfile)
  await world.garden.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata: { name: 'aws', namespace: 'garden-local' },
    provider: { type: 'aws' },
    credentialsRef: { apiVersion: 'v1', kind: 'Secret', name: 'aws', namespace: 'garden-local' },
  })
  const addSecret = () =>
    world.garden.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'aws', namespace: 'garden-local' },
      data: encodeSecret({ ...account, other: 'x' }),
    })
  return { world, double, addSecret }
}

function run<Services>({ clock }: ShootWorld, flow: Flow<Services>, services: Services): Promise<FlowResult> {
  const journal = createMemoryJournal()
  return drive(clock, runFlow(flow, { clock, random: createSeededRandom('run'), journal, run: 'one', services }))
}

describe('a shoot on another cloud than the embedded one', () => {
  it('grows by the same graph', async () => {
    const { world, double, addSecret } = await setUp()
    await addSecret()
    const result = await run(world, makeCreateFlow(), world.services)
    expect(result.errors.map(({ task, error }) => `${task}: ${explain(error)}`)).toEqual([])
    expect([...double.made.keys()]).toContain('securityGroup')
    expect([...world.cloud.networks]).toEqual([])
    const release = (name: string) => world.installed.get(name)
    expect(release('machines')).toMatchObject({
      chart: 'machine-class-aws',
      values: {
        pools: [
          { name: `${namespace}-pool-z1`, zone: 'eu-central-1a', replicas: 1 },
          { name: `${namespace}-pool-z2`, zone: 'eu-central-1b', replicas: 1 },
        ],
      },
    })
    expect(release('machine-controller-manager')?.values).toMatchObject({
      provider: 'AWS',
      endpoints: { ec2: 'https://ec2.example' },
    })
    expect(release('control-plane')?.values).toMatchObject({
      cloudControllerManager: { provider: 'aws', region: 'eu-central-1', endpoints: { ec2: 'https://ec2.example' } },
    })
    const credentials = await world.garden.get(secrets, { namespace, name: 'cloud-credentials' })
    expect(decodeSecret(credentials)).toEqual(account)
    expect(JSON.stringify([...world.installed.values()])).not.toContain(account.secretAccessKey)
  })

  it('says which field leads to credentials that are not there, and grows on when they are', async () => {
    const { world, double, addSecret } = await setUp()
    const failed = await run(world, makeCreateFlow(), world.services)
    expect(failed.errors.map(({ task }) => task).sort()).toEqual(['cloud-credentials', 'infrastructure'])
    for (const { error } of failed.errors) {
      expect(error).toMatchObject({ kind: 'Unavailable', field: 'spec.credentialsBindingName' })
    }
    expect([...double.made]).toEqual([])
    await addSecret()
    expect((await run(world, makeCreateFlow(), world.services)).outcome).toBe('succeeded')
  })

  it('goes with all that was made for it', async () => {
    const { world, double, addSecret } = await setUp()
    await addSecret()
    await run(world, makeCreateFlow(), world.services)
    expect(double.made.size).toBeGreaterThan(0)
    // As the next operation finds the Shoot.
    const { shoot, cloudProfile } = await exampleGrowth('aws')
    const status = { infrastructure: { state: Object.fromEntries(double.made) } }
    const later = createShootWorld({
      shoot: { ...shoot, status },
      cloudProfile,
      cloud: double.cloud,
      garden: world.garden,
    })
    expect((await run(later, makeDeleteFlow(), later.deletionServices)).outcome).toBe('succeeded')
    expect([...double.made]).toEqual([])
  })

  it('keeps its machines until their controller has let go of them: nobody else knows their servers', async () => {
    const { world, addSecret } = await setUp()
    await addSecret()
    const metadata = { name: 'pool-x', namespace, finalizers: ['machine.sapcloud.io/machine-controller'] }
    const machine: Machine = { apiVersion: 'machine.sapcloud.io/v1alpha1', kind: 'Machine', metadata }
    await world.garden.create(machines, machine)
    const result = await run(world, makeDeleteFlow(), world.deletionServices)
    expect(result.errors.map(({ task }) => task)).toEqual(['machines-gone'])
    expect((await world.garden.get(machines, { namespace, name: 'pool-x' })).metadata.finalizers).toEqual(
      metadata.finalizers,
    )
  })
})
