import type { Shoot } from '@trellis/api/garden/shoot'
import { describe, expect, it } from 'vitest'
import {
  blueprintOf,
  type ExampleGrowth,
  exampleGrowth,
  exampleOutputs,
  workerOf,
} from '../../../testing/example-clouds.ts'
import { exampleUserData } from '../../../testing/example-machines.ts'
import { problemsIn } from '../../../testing/problems.ts'
import { poolMachines } from '../../shoot/pool-machines.ts'
import { gcpCloud } from './cloud.ts'

type Worker = NonNullable<Shoot['spec']['provider']['workers']>[number]

async function example(change: Partial<Worker> = {}): Promise<ExampleGrowth> {
  const growth = await exampleGrowth('gcp')
  Object.assign(workerOf(growth), change)
  return growth
}

function specsOf(growth: ExampleGrowth, outputs = exampleOutputs.gcp ?? {}) {
  const inputs = { cloud: gcpCloud, outputs, replicas: new Map(), userData: exampleUserData }
  return poolMachines(blueprintOf(growth), inputs).map(({ providerSpec }) => providerSpec)
}

describe('machines on GCP', () => {
  it('are described with the fields of the driver, each in its zone', async () => {
    const [first, second, third] = specsOf(await example())
    const image = 'projects/example/global/images/trellis-worker-1-0-0'
    expect(first).toEqual({
      region: 'europe-west3',
      zone: 'europe-west3-a',
      machineType: 'n2-standard-2',
      canIpForward: true,
      deletionProtection: false,
      description: 'Machine of Shoot on-gcp',
      disks: [{ autoDelete: true, boot: true, sizeGb: 50, type: 'pd-balanced', image }],
      labels: { name: 'shoot--local--on-gcp' },
      networkInterfaces: [{ network: 'network-1', subnetwork: 'subnet-1', disableExternalIP: true }],
      scheduling: { automaticRestart: true, onHostMaintenance: 'MIGRATE', preemptible: false },
      serviceAccounts: [{ email: 'nodes@example.org', scopes: ['https://www.googleapis.com/auth/compute'] }],
      tags: ['shoot--local--on-gcp', 'kubernetes-io-cluster-shoot--local--on-gcp', 'kubernetes-io-role-node'],
    })
    expect([second?.zone, third?.zone]).toEqual(['europe-west3-b', 'europe-west3-c'])
  })

  it('are nobody to the cloud when neither the pool nor the infrastructure has an account for them', async () => {
    const { serviceAccountEmail: _, ...outputs } = exampleOutputs.gcp ?? {}
    expect(specsOf(await example(), outputs)[0]).toMatchObject({ serviceAccounts: [] })
  })

  it('are identified as the driver does: by project, zone and name', async () => {
    const blueprint = blueprintOf(await example())
    const [pool] = blueprint.pools
    const [zone] = pool?.zones ?? []
    if (pool === undefined || zone === undefined) throw new TypeError('the example has a pool')
    const { providerId, nodeName } = gcpCloud.machines({ blueprint, pool, zone, outputs: exampleOutputs.gcp ?? {} })
    expect([providerId, nodeName]).toEqual(['gce:///example/europe-west3-a/{machineName}', undefined])
  })

  it('have further disks, keys of the user and graphics processors', async () => {
    const encryption = { kmsKeyName: 'key' }
    const [spec] = specsOf(
      await example({
        dataVolumes: [
          { name: 'fast', size: '375Gi', type: 'SCRATCH' },
          { name: 'big', size: '1Ti', type: 'pd-ssd' },
        ],
        providerConfig: {
          volume: { interface: 'NVME', encryption },
          dataVolumes: [{ name: 'big', provisionedIops: 3000 }],
          gpu: { acceleratorType: 'nvidia-l4', count: 1 },
          serviceAccount: { email: 'mine@example.org', scopes: ['scope'] },
          minCpuPlatform: 'Intel Ice Lake',
        },
      }),
    )
    expect(spec).toMatchObject({
      gpu: { acceleratorType: 'nvidia-l4', count: 1 },
      minCpuPlatform: 'Intel Ice Lake',
      scheduling: { onHostMaintenance: 'TERMINATE' },
      serviceAccounts: [{ email: 'mine@example.org', scopes: ['scope'] }],
      disks: [
        { boot: true, encryption },
        { autoDelete: true, boot: false, sizeGb: 375, type: 'SCRATCH', interface: 'NVME' },
        { autoDelete: true, boot: false, sizeGb: 1024, type: 'pd-ssd', encryption, provisionedIops: 3000 },
      ],
    })
  })
})

describe('a Shoot on GCP is refused by the field', () => {
  const at = 'spec.provider.workers[0]'
  it.each<[string, Partial<Worker>, string]>([
    [
      'an image of another architecture',
      { machine: { type: 'n2-standard-2', architecture: 'arm64' } },
      `${at}.machine.image: the cloud profile names no image trellis-worker 1.0.0 for arm64 in europe-west3`,
    ],
    ['a volume of nothing', { volume: { size: '0' } }, `${at}.volume.size: must be more than nothing`],
    [
      'a volume in the clear',
      { volume: { size: '5Gi', encrypted: false } },
      `${at}.volume.encrypted: every volume is encrypted here`,
    ],
    [
      'a disk of the host to boot from',
      { volume: { size: '375Gi', type: 'SCRATCH' } },
      `${at}.volume.type: a disk of the host cannot be booted from`,
    ],
    [
      'a disk of the host that is attached nohow',
      { dataVolumes: [{ name: 'a', size: '375Gi', type: 'SCRATCH' }] },
      `${at}.providerConfig.volume.interface: is required for volumes of type SCRATCH`,
    ],
    [
      'settings of a volume that there is not',
      { providerConfig: { dataVolumes: [{ name: 'x' }] } },
      `${at}.providerConfig.dataVolumes[0].name: the pool has no further volume x`,
    ],
    [
      'no processors at all',
      { providerConfig: { gpu: { acceleratorType: 'a', count: 0 } } },
      `${at}.providerConfig.gpu.count: must be at least 1`,
    ],
    ['an unknown field', { providerConfig: { gpus: {} } }, `${at}.providerConfig.gpus: unknown field`],
  ])('%s', async (_, change, problem) => {
    expect(problemsIn(gcpCloud.validateShoot(blueprintOf(await example(change))))[0]).toBe(problem)
  })

  it('no volume, no network and an unknown field of its control plane', async () => {
    const growth = await example()
    delete workerOf(growth).volume
    delete growth.shoot.spec.provider.infrastructureConfig
    growth.shoot.spec.provider.controlPlaneConfig = { zon: 'a' }
    expect(problemsIn(gcpCloud.validateShoot(blueprintOf(growth)))).toEqual([
      'spec.provider.infrastructureConfig: is required',
      'spec.provider.controlPlaneConfig.zon: unknown field',
      `${at}.volume: is required`,
    ])
  })
})

describe('a profile of GCP is refused by the field', () => {
  it.each([
    ['nothing', undefined, 'spec.providerConfig: is required'],
    [
      'a version without an image',
      { machineImages: [{ name: 'trellis-worker', versions: [{ version: '1.0.0' }] }] },
      'spec.providerConfig.machineImages[0].versions[0].image: is required',
    ],
    [
      'a version that is offered and not explained',
      { machineImages: [] },
      'spec.providerConfig.machineImages: machine image trellis-worker has version 1.0.0, which is not explained here',
    ],
    [
      'an address other than Google’s',
      { machineImages: [], endpoints: { compute: 'https://compute.example' } },
      'spec.providerConfig.endpoints: unknown field',
    ],
  ])('%s', async (_, providerConfig, problem) => {
    const { cloudProfile } = await example()
    const spec = { ...cloudProfile.spec, providerConfig: providerConfig as Record<string, unknown> }
    expect(problemsIn(gcpCloud.validateProfile({ ...cloudProfile, spec }))).toEqual([problem])
  })
})

describe('credentials of GCP', () => {
  const place = { providerConfig: undefined, region: 'europe-west3' }
  const account = { type: 'service_account', project_id: 'example', client_email: 'a@b', private_key: 'very secret' }
  const text = JSON.stringify(account)
  it.each(['serviceaccount.json', 'serviceAccountJSON'])('are the key of a service account under %s', (key) => {
    const credentials = gcpCloud.credentials({ [key]: text, other: 'x' }, place)
    expect(credentials).toEqual({ serviceAccountJSON: text, projectID: 'example' })
    expect(gcpCloud.identifiers(credentials)).toEqual({ project: 'example' })
  })

  it.each([
    ['nothing', undefined],
    ['no JSON', 'very secret'],
    ['no object', '"very secret"'],
    ['no key', JSON.stringify({ ...account, private_key: undefined })],
    ['a project that could end a path', JSON.stringify({ ...account, project_id: 'a/../b' })],
    ['an account of another sort', JSON.stringify({ ...account, type: 'external_account' })],
  ])('are refused without telling them: %s', (_, value) => {
    let message = ''
    try {
      gcpCloud.credentials(value === undefined ? {} : { 'serviceaccount.json': value }, place)
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/service account|serviceaccount\.json/)
    expect(message).not.toContain('very secret')
  })
})
