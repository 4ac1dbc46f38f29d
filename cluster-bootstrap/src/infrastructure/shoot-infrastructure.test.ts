import { secrets } from '@trellis/api/core/configuration'
import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { credentialsBindings } from '@trellis/api/garden/credentials-binding'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { keyOf } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createCloudDouble } from '../../testing/cloud-double.ts'
import { exampleGrowth } from '../../testing/example-clouds.ts'
import { createInfrastructureDouble } from '../../testing/infrastructure-double.ts'
import { createCloudConnections } from '../clouds/connections.ts'
import { gcpCloud } from '../clouds/gcp/cloud.ts'
import { encodeSecret } from '../secrets/secret-store.ts'
import type { OpenTofuEngines } from './opentofu/engines.ts'
import { createShootInfrastructure, grownNetworks } from './shoot-infrastructure.ts'

const outputs = { network: 'n-1', subnetwork: 's-1' }
const key = JSON.stringify({ type: 'service_account', project_id: 'example', client_email: 'a@b', private_key: 'k' })
const run = { signal: new AbortController().signal, note: () => {} }

/** A garden with the example of GCP, and its infrastructure in memory. */
async function setUp() {
  const clock = createVirtualClock(0)
  const random = createSeededRandom('infrastructure')
  const garden = createFakeClient({ clock, random })
  const { cloudProfile, shoot } = await exampleGrowth('gcp')
  const namespace = shoot.metadata.namespace ?? ''
  await garden.create(cloudProfiles, cloudProfile)
  await garden.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'gcp', namespace },
    data: encodeSecret({ 'serviceaccount.json': key }),
  })
  await garden.create(credentialsBindings, {
    apiVersion: 'security.gardener.cloud/v1alpha1',
    kind: 'CredentialsBinding',
    metadata: { name: 'gcp', namespace },
    provider: { type: 'gcp' },
    credentialsRef: { apiVersion: 'v1', kind: 'Secret', name: 'gcp', namespace },
  })
  await garden.create(shoots, shoot)
  const double = createInfrastructureDouble(gcpCloud, outputs)
  const ports = { clock, random, log: createSilentLog(), seedCloud: createCloudDouble().client }
  const connections = createCloudConnections(ports)
  const current = () => garden.get(shoots, keyOf(shoot))
  const open = (one: Shoot, openTofu?: OpenTofuEngines) =>
    createShootInfrastructure({
      garden,
      connections,
      openTofu,
      cloud: double.cloud,
      shoot: one,
      technicalId: 'shoot--local--on-gcp',
      seedCredentials: {},
      networks: grownNetworks(one),
    })
  const stateOf = async () => (await current()).status?.infrastructure?.state
  return { clock, random, garden, double, open, current, stateOf }
}

describe('the infrastructure of a shoot', () => {
  it('is asked for with all that its engine needs, and told with what names the account', async () => {
    const { double, open, current } = await setUp()
    expect(await open(await current()).apply(run)).toEqual({ ...outputs, project: 'example' })
    expect(double.requests).toMatchObject([
      {
        technicalId: 'shoot--local--on-gcp',
        region: 'europe-west3',
        zones: ['europe-west3-a', 'europe-west3-b', 'europe-west3-c'],
        networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
        configuration: { networks: { workers: '10.250.0.0/19' } },
        secret: { projectID: 'example', serviceAccountJSON: key },
        state: {},
      },
    ])
  })

  it('begins with credentials that cannot vanish, and only with such', async () => {
    const { garden, double, open, current } = await setUp()
    const key = { namespace: 'garden-local', name: 'gcp' }
    const finalizers = ['example.org/backup']
    await garden.patch(secrets, key, { metadata: { finalizers } })
    await garden.delete(secrets, key)
    await expect(open(await current()).apply(run)).rejects.toThrow('is being deleted')
    expect(double.requests).toEqual([])
    expect((await current()).status?.infrastructure).toBeUndefined()
  })

  it('has its identifiers in the status as soon as there are any, and goes on from them', async () => {
    const { double, open, current, stateOf } = await setUp()
    double.failAt('subnetwork', new Failure('Exhausted', 'quota'))
    await expect(open(await current()).apply(run)).rejects.toThrow('quota')
    expect(await stateOf()).toEqual({ network: 'n-1' })
    await open(await current()).apply(run)
    expect(double.requests[1]?.state).toEqual({ network: 'n-1' })
    expect(await stateOf()).toEqual(outputs)
  })

  it('goes on from what it has saved within one operation, too', async () => {
    const { double, open, current } = await setUp()
    const infrastructure = open(await current())
    double.failAt('subnetwork', new Failure('Unavailable', 'try again'))
    await expect(infrastructure.apply(run)).rejects.toThrow('try again')
    await infrastructure.apply(run)
    expect(double.requests[1]?.state).toEqual({ network: 'n-1' })
  })

  it('costs no write when nothing changes', async () => {
    const { garden, open, current } = await setUp()
    await open(await current()).apply(run)
    const before = garden.calls.filter(({ method }) => method === 'patch').length
    await open(await current()).apply(run)
    expect(garden.calls.filter(({ method }) => method === 'patch').length).toBe(before)
  })

  it('is taken down by its identifiers, which go with it', async () => {
    const { double, open, current, stateOf } = await setUp()
    await open(await current()).apply(run)
    await open(await current()).destroy(run)
    expect([...double.made]).toEqual([])
    expect((await stateOf()) ?? {}).toEqual({})
  })

  it('is taken down also when the profile is gone', async () => {
    const { garden, double, open, current } = await setUp()
    await open(await current()).apply(run)
    await garden.delete(cloudProfiles, { name: 'gcp' })
    await open(await current()).destroy(run)
    expect([...double.made]).toEqual([])
  })

  it('is not touched without credentials', async () => {
    const { garden, double, open, current } = await setUp()
    const { metadata } = await current()
    await garden.delete(secrets, { namespace: metadata.namespace ?? '', name: 'gcp' })
    await expect(open(await current()).apply(run)).rejects.toMatchObject({ field: 'spec.credentialsBindingName' })
    expect(double.requests).toEqual([])
    await open(await current()).destroy(run)
    expect(double.requests).toEqual([])
  })

  it('does not go unseen without credentials when it was begun, even if nothing of it is known', async () => {
    const { garden, double, open, current, stateOf } = await setUp()
    double.failAt('network', new Failure('Timeout', 'no answer'))
    await expect(open(await current()).apply(run)).rejects.toThrow('no answer')
    expect(await stateOf()).toEqual({})
    // Somebody takes the finalizer off by hand.
    const key = { namespace: 'garden-local', name: 'gcp' }
    await garden.patch(secrets, key, { metadata: { finalizers: [] } })
    await garden.delete(secrets, key)
    await expect(open(await current()).destroy(run)).rejects.toMatchObject({ field: 'spec.credentialsBindingName' })
  })
})

describe('the engine of a shoot', () => {
  /** OpenTofu with an infrastructure of its own, and what it was asked for. */
  async function withOpenTofu() {
    const house = await setUp()
    const other = createInfrastructureDouble(gcpCloud, outputs)
    const { clock, random } = house
    const ports = { clock, random, log: createSilentLog(), seedCloud: createCloudDouble().client }
    const engine = other.cloud.connect?.(ports, {}).then((connection) => connection.engine)
    const openTofu: OpenTofuEngines = { forNewShoots: true, of: () => engine }
    return { ...house, openTofu, ofTofu: other.requests, ofSdk: house.double.requests }
  }

  it('is the configured one, which the status tells', async () => {
    const { open, current, openTofu, ofTofu, ofSdk } = await withOpenTofu()
    await open(await current(), openTofu).apply(run)
    expect([ofTofu.length, ofSdk.length]).toEqual([1, 0])
    expect((await current()).status?.infrastructure).toEqual({ engine: 'opentofu', state: outputs })
  })

  it('stays on the SDK when the seed is configured for OpenTofu later, and where the cloud has no module', async () => {
    const { open, current, openTofu, ofTofu, ofSdk } = await withOpenTofu()
    await open(await current(), { ...openTofu, of: () => undefined }).apply(run)
    expect((await current()).status?.infrastructure?.engine).toBe('sdk')
    await open(await current(), openTofu).apply(run)
    await open(await current(), openTofu).destroy(run)
    expect([ofTofu.length, ofSdk.length]).toEqual([0, 3])
  })

  it('stays OpenTofu where new shoots get the SDK, as they do', async () => {
    const { open, current, openTofu, ofTofu, ofSdk } = await withOpenTofu()
    const beside = { ...openTofu, forNewShoots: false }
    await open(await current(), openTofu).apply(run)
    await open(await current(), beside).apply(run)
    await open(await current(), beside).destroy(run)
    expect([ofTofu.length, ofSdk.length]).toEqual([3, 0])
    const another = await withOpenTofu()
    await another.open(await another.current(), { ...another.openTofu, forNewShoots: false }).apply(run)
    expect((await another.current()).status?.infrastructure?.engine).toBe('sdk')
  })

  it('stays OpenTofu, and says so where the seed has it no more', async () => {
    const { open, current, openTofu, ofSdk } = await withOpenTofu()
    await open(await current(), openTofu).apply(run)
    const refusal = { kind: 'Unavailable', message: expect.stringContaining('this seed has no OpenTofu') }
    await expect(open(await current()).apply(run)).rejects.toMatchObject(refusal)
    await expect(open(await current()).destroy(run)).rejects.toMatchObject(refusal)
    expect(ofSdk).toEqual([])
  })

  it('never takes credentials elsewhere than the profile says', async () => {
    const { open, current, double, openTofu, ofTofu } = await withOpenTofu()
    Object.assign(double.cloud, { endpoints: () => ({ compute: 'https://compute.example' }) })
    await expect(open(await current(), openTofu).apply(run)).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'spec.providerConfig.endpoints',
    })
    expect(ofTofu).toEqual([])
  })
})

describe('the ranges of a shoot that was grown', () => {
  it('are those of its status, then of its spec, then the usual ones', async () => {
    const { current } = await setUp()
    const shoot = await current()
    const status = { networking: { nodes: ['10.9.0.0/16'] } }
    const { networking: _, ...spec } = shoot.spec
    expect(grownNetworks({ ...shoot, status })).toMatchObject({ nodes: '10.9.0.0/16', pods: '100.96.0.0/16' })
    expect(grownNetworks({ ...shoot, spec })).toMatchObject({ nodes: '10.250.0.0/16', services: '100.64.0.0/16' })
  })
})
