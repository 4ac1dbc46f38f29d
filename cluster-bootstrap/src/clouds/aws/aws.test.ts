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
import { awsCloud } from './cloud.ts'

type Worker = NonNullable<Shoot['spec']['provider']['workers']>[number]

async function example(change: Partial<Worker> = {}): Promise<ExampleGrowth> {
  const growth = await exampleGrowth('aws')
  Object.assign(workerOf(growth), change)
  return growth
}

function specsOf(growth: ExampleGrowth) {
  const inputs = { cloud: awsCloud, outputs: exampleOutputs.aws ?? {}, replicas: new Map(), userData: exampleUserData }
  return poolMachines(blueprintOf(growth), inputs).map(({ providerSpec }) => providerSpec)
}

describe('machines on AWS', () => {
  it('are described with the fields of the driver, in the subnet of their zone', async () => {
    const [first, second] = specsOf(await example())
    expect(first).toEqual({
      ami: 'ami-0123456789abcdef0',
      region: 'eu-central-1',
      machineType: 'm5.large',
      keyName: 'key-1',
      iam: { name: 'profile-1' },
      networkInterfaces: [{ subnetID: 'subnet-a', securityGroupIDs: ['sg-1'] }],
      blockDevices: [{ ebs: { volumeSize: 50, volumeType: 'gp3', encrypted: true, deleteOnTermination: true } }],
      srcAndDstChecksEnabled: false,
      instanceMetadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
      tags: { 'kubernetes.io/cluster/shoot--local--on-aws': '1', 'kubernetes.io/role/node': '1' },
    })
    expect(second).toMatchObject({ networkInterfaces: [{ subnetID: 'subnet-b' }] })
  })

  it('are called by their private names, and identified as the driver does', async () => {
    const blueprint = blueprintOf(await example())
    const [pool] = blueprint.pools
    const [zone] = pool?.zones ?? []
    if (pool === undefined || zone === undefined) throw new TypeError('the example has a pool')
    expect(awsCloud.machines({ blueprint, pool, zone, outputs: exampleOutputs.aws ?? {} })).toMatchObject({
      providerId: 'aws:///eu-central-1/{instanceId}',
      nodeName: '{localHostname}',
    })
  })

  it('have further volumes under names that EC2 knows, as fast as they are to be', async () => {
    const [spec] = specsOf(
      await example({
        volume: { size: '20Gi', type: 'io2', encrypted: false },
        dataVolumes: [
          { name: 'a', size: '1500Mi' },
          { name: 'b', size: '5Gi' },
        ],
        providerConfig: {
          volume: { iops: 4000 },
          dataVolumes: [{ name: 'b', throughput: 250, snapshotID: 'snap-1' }],
          iamInstanceProfile: { arn: 'arn:aws:iam::1:instance-profile/mine' },
          instanceMetadataOptions: { httpPutResponseHopLimit: 2 },
          instanceMarketOptions: { marketType: 'spot' },
        },
      }),
    )
    const common = { deleteOnTermination: true, volumeType: 'gp3', encrypted: true }
    expect(spec).toMatchObject({
      iam: { arn: 'arn:aws:iam::1:instance-profile/mine' },
      instanceMetadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 2 },
      instanceMarketOptions: { marketType: 'spot' },
      blockDevices: [
        { deviceName: '/root', ebs: { ...common, volumeType: 'io2', encrypted: false, volumeSize: 20, iops: 4000 } },
        { deviceName: '/dev/sdf', ebs: { ...common, volumeSize: 2 } },
        { deviceName: '/dev/sdg', ebs: { ...common, volumeSize: 5, throughput: 250, snapshotID: 'snap-1' } },
      ],
    })
  })
})

describe('a Shoot on AWS is refused by the field', () => {
  const at = 'spec.provider.workers[0]'
  const many = Array.from({ length: 12 }, (_, index) => ({ name: `v${index}`, size: '1Gi' }))
  it.each<[string, Partial<Worker>, string]>([
    [
      'an image that is not in the region for the architecture',
      { machine: { type: 'm5.large', architecture: 'arm64' } },
      `${at}.machine.image: the cloud profile names no image trellis-worker 1.0.0 for arm64 in eu-central-1`,
    ],
    ['a volume of nothing', { volume: { size: '0' } }, `${at}.volume.size: must be more than nothing`],
    [
      'operations that are sold and not bought',
      { volume: { size: '5Gi', type: 'io2' } },
      `${at}.providerConfig.volume.iops: is required for volumes of type io2`,
    ],
    [
      'operations of a type that has no choice',
      { volume: { size: '5Gi', type: 'st1' }, providerConfig: { volume: { iops: 1, throughput: 1 } } },
      `${at}.providerConfig.volume.iops: cannot be chosen for volumes of type st1`,
    ],
    ['too many volumes', { dataVolumes: many }, `${at}.dataVolumes: a machine has at most 11 further volumes`],
    [
      'settings of a volume that there is not',
      { providerConfig: { dataVolumes: [{ name: 'x' }] } },
      `${at}.providerConfig.dataVolumes[0].name: the pool has no further volume x`,
    ],
    ['an unknown field', { providerConfig: { volum: {} } }, `${at}.providerConfig.volum: unknown field`],
    [
      'a value of the wrong type, deep inside',
      { providerConfig: { instanceMetadataOptions: { httpPutResponseHopLimit: 65 } } },
      `${at}.providerConfig.instanceMetadataOptions.httpPutResponseHopLimit: must be at most 64`,
    ],
    [
      'two names of one instance profile',
      { providerConfig: { iamInstanceProfile: { name: 'a', arn: 'b' } } },
      `${at}.providerConfig.iamInstanceProfile: needs either name or arn`,
    ],
    [
      'a reservation and a group of them',
      {
        providerConfig: {
          capacityReservation: { capacityReservationId: 'a', capacityReservationResourceGroupArn: 'b' },
        },
      },
      `${at}.providerConfig.capacityReservation: may name a reservation or a group of them, not both`,
    ],
    [
      'a capacity block of no reservation',
      { providerConfig: { instanceMarketOptions: { marketType: 'capacity-block' } } },
      `${at}.providerConfig.capacityReservation: must name the capacity block`,
    ],
  ])('%s', async (_, change, problem) => {
    expect(problemsIn(awsCloud.validateShoot(blueprintOf(await example(change))))[0]).toBe(problem)
  })

  it('no volume, no network and a control plane that nobody acts on', async () => {
    const growth = await example()
    delete workerOf(growth).volume
    delete growth.shoot.spec.provider.infrastructureConfig
    growth.shoot.spec.provider.controlPlaneConfig = { storage: {} }
    expect(problemsIn(awsCloud.validateShoot(blueprintOf(growth)))).toEqual([
      'spec.provider.infrastructureConfig: is required',
      'spec.provider.controlPlaneConfig: nothing acts on it at this cloud',
      `${at}.volume: is required`,
    ])
  })
})

describe('a profile of AWS is refused by the field', () => {
  const versions = (regions: unknown) => ({
    machineImages: [{ name: 'trellis-worker', versions: [{ version: '1.0.0', regions }] }],
  })
  it.each([
    ['nothing', undefined, 'spec.providerConfig: is required'],
    ['no images', {}, 'spec.providerConfig.machineImages: is required'],
    [
      'a region without an image',
      versions([{ name: 'eu-central-1' }]),
      'spec.providerConfig.machineImages[0].versions[0].regions[0].ami: is required',
    ],
    ['an unknown field', { ...versions([]), regions: [] }, 'spec.providerConfig.regions: unknown field'],
    [
      'an address that is none',
      { ...versions([]), endpoints: { ec2: 'ec2.example' } },
      expect.stringContaining('spec.providerConfig.endpoints.ec2: '),
    ],
    [
      'a version that is offered and not explained',
      { machineImages: [] },
      'spec.providerConfig.machineImages: machine image trellis-worker has version 1.0.0, which is not explained here',
    ],
  ])('%s', async (_, providerConfig, problem) => {
    const { cloudProfile } = await example()
    const spec = { ...cloudProfile.spec, providerConfig: providerConfig as Record<string, unknown> }
    expect(problemsIn(awsCloud.validateProfile({ ...cloudProfile, spec }))).toEqual([problem])
  })
})

describe('credentials of AWS', () => {
  const place = { providerConfig: undefined, region: 'eu-central-1' }
  it.each([
    ['of this day', { accessKeyID: 'a', secretAccessKey: 's', extra: 'x' }],
    ['of the older form', { providerAccessKeyId: 'a', providerSecretAccessKey: 's' }],
  ])('are taken under the names %s, and no more than them', (_, secret) => {
    expect(awsCloud.credentials(secret, place)).toEqual({ accessKeyID: 'a', secretAccessKey: 's' })
  })

  it('bring the key for SSH along, where there is one', () => {
    const secret = { accessKeyID: 'a', secretAccessKey: 's', sshPublicKey: 'ssh-ed25519 AAAA' }
    expect(awsCloud.credentials(secret, place)).toEqual(secret)
  })

  it.each([
    ['without a key', { accessKeyID: 'a' }, 'Unavailable', 'it has no secretAccessKey or providerSecretAccessKey'],
    ['with an empty key', { accessKeyID: ' ', secretAccessKey: 's' }, 'Unavailable', 'it has no accessKeyID'],
    ['in a file', { roleARN: 'r', workloadIdentityTokenFile: '/t' }, 'Invalid', 'token file'],
  ])('are refused %s', (_, secret, kind, message) => {
    expect(() => awsCloud.credentials(secret as unknown as Record<string, string>, place)).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(message) }),
    )
  })
})

describe('the addresses of AWS', () => {
  it('are those of the profile, or its own', () => {
    expect(awsCloud.endpoints({ endpoints: { ec2: 'http://127.0.0.1:1' } })).toEqual({ ec2: 'http://127.0.0.1:1' })
    expect(awsCloud.endpoints(undefined)).toEqual({})
  })
})
