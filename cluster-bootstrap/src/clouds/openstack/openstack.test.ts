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
import { openstackCloud } from './cloud.ts'
import { findServerImage, keystoneOf, openstackProfile } from './profile.ts'

type Worker = NonNullable<Shoot['spec']['provider']['workers']>[number]

async function example(change: Partial<Worker> = {}): Promise<ExampleGrowth> {
  const growth = await exampleGrowth('openstack')
  Object.assign(workerOf(growth), change)
  return growth
}

function specOf(growth: ExampleGrowth) {
  const outputs = exampleOutputs.openstack ?? {}
  const inputs = { cloud: openstackCloud, outputs, replicas: new Map(), userData: exampleUserData }
  return poolMachines(blueprintOf(growth), inputs)[0]?.providerSpec
}

describe('machines on OpenStack', () => {
  it('are described with the fields of the driver', async () => {
    expect(specOf(await example())).toEqual({
      apiVersion: 'openstack.machine.gardener.cloud/v1alpha1',
      kind: 'MachineProviderConfig',
      spec: {
        imageName: 'trellis-worker-1.0.0',
        region: 'RegionOne',
        availabilityZone: 'nova',
        flavorName: 'm1.medium',
        keyName: 'key-1',
        networkID: 'network-1',
        subnetIDs: ['subnet-1'],
        podNetworkCIDRs: ['100.96.0.0/16'],
        securityGroups: ['group-1'],
        rootDiskSize: 30,
        rootDiskType: 'standard',
        tags: { 'kubernetes.io-cluster-shoot--local--on-os': '1', 'kubernetes.io-role-node': '1' },
      },
    })
  })

  it('have the disk of their flavor when the pool asks for none, and the metadata that it asks for', async () => {
    const growth = await example({ providerConfig: { machineLabels: [{ name: 'team', value: 'a' }] } })
    delete workerOf(growth).volume
    const spec = specOf(growth)?.spec as Record<string, unknown>
    expect(spec.tags).toMatchObject({ team: 'a', 'kubernetes.io-role-node': '1' })
    expect(Object.keys(spec).filter((key) => key.startsWith('rootDisk'))).toEqual([])
  })

  it('are of the image of their region, before one that goes by its name', async () => {
    const growth = await example()
    const [pool] = blueprintOf(growth).pools
    if (pool === undefined) throw new TypeError('the example has a pool')
    const versions = [
      { version: '1.0.0', image: 'by-name', regions: [{ name: 'RegionOne', id: 'id-1', architecture: 'amd64' }] },
    ]
    const profile = openstackProfile({ machineImages: [{ name: 'trellis-worker', versions }] })
    expect(findServerImage(profile, pool, 'RegionOne')).toEqual({ imageID: 'id-1' })
    expect(findServerImage(profile, pool, 'RegionTwo')).toEqual({ imageName: 'by-name' })
  })
})

describe('a Shoot on OpenStack is refused by the field', () => {
  const at = 'spec.provider.workers[0]'
  it.each<[string, Partial<Worker>, string]>([
    [
      'an image of another architecture',
      { machine: { type: 'm1.medium', architecture: 'arm64' } },
      `${at}.machine.image: the cloud profile names no image trellis-worker 1.0.0 for arm64 in RegionOne`,
    ],
    ['a volume of nothing', { volume: { size: '0' } }, `${at}.volume.size: must be more than nothing`],
    [
      'encryption that the type decides',
      { volume: { size: '5Gi', encrypted: true } },
      `${at}.volume.encrypted: is up to the type of the volume here`,
    ],
    [
      'further volumes',
      { dataVolumes: [{ name: 'a', size: '1Gi' }] },
      `${at}.dataVolumes: nothing acts on it at this cloud`,
    ],
    ['an unknown field', { providerConfig: { serverGroup: {} } }, `${at}.providerConfig.serverGroup: unknown field`],
    [
      'a mark of ownership',
      { providerConfig: { machineLabels: [{ name: 'kubernetes.io-cluster-other', value: '1' }] } },
      `${at}.providerConfig.machineLabels[0].name: is kept for marks of ownership`,
    ],
  ])('%s', async (_, change, problem) => {
    expect(problemsIn(openstackCloud.validateShoot(blueprintOf(await example(change))))[0]).toBe(problem)
  })

  it.each([
    [{ loadBalancerProvider: 'octavia' }, 'loadBalancerProvider: region RegionOne has no maker octavia'],
    [{}, 'loadBalancerProvider: is required'],
    [{ loadBalancerProvider: 'amphora', zone: 'a' }, 'zone: unknown field'],
  ])('a control plane of %j', async (controlPlaneConfig, problem) => {
    const growth = await example()
    growth.shoot.spec.provider.controlPlaneConfig = controlPlaneConfig
    expect(problemsIn(openstackCloud.validateShoot(blueprintOf(growth)))).toEqual([
      `spec.provider.controlPlaneConfig.${problem}`,
    ])
  })
})

describe('a profile of OpenStack', () => {
  it('names the identity service of every region', async () => {
    const { cloudProfile } = await example()
    const providerConfig: Record<string, unknown> = { ...cloudProfile.spec.providerConfig }
    delete providerConfig.keystoneURL
    const validate = () =>
      problemsIn(openstackCloud.validateProfile({ ...cloudProfile, spec: { ...cloudProfile.spec, providerConfig } }))
    expect(validate()).toEqual(['spec.providerConfig.keystoneURL: region RegionOne has no identity service'])
    providerConfig.keystoneURLs = [{ region: 'RegionOne', url: 'https://one.example/v3' }]
    expect(validate()).toEqual([])
    expect(keystoneOf(openstackProfile(providerConfig), 'RegionOne')).toBe('https://one.example/v3')
  })

  it('is refused by the field', async () => {
    const { cloudProfile } = await example()
    const spec = { ...cloudProfile.spec, providerConfig: { keystoneURL: 'identity', machineImages: [{ name: 'a' }] } }
    expect(problemsIn(openstackCloud.validateProfile({ ...cloudProfile, spec }))).toEqual([
      expect.stringContaining('spec.providerConfig.keystoneURL: '),
      'spec.providerConfig.machineImages[0].versions: is required',
    ])
  })
})

describe('credentials of OpenStack', () => {
  const providerConfig = { keystoneURL: 'https://identity.example/v3', keystoneCACert: 'PEM', machineImages: [] }
  const place = { providerConfig, region: 'RegionOne' }
  const reach = { authURL: 'https://identity.example/v3', caCert: 'PEM' }
  it.each([
    ['a user', { domainName: 'd', tenantName: 't', username: 'u', password: 'p' }],
    ['an application', { applicationCredentialID: 'i', applicationCredentialSecret: 's' }],
    [
      'an application by its name',
      { domainName: 'd', applicationCredentialName: 'n', username: 'u', applicationCredentialSecret: 's' },
    ],
    [
      'who proves himself to the transport too',
      { tenantID: 't', username: 'u', password: 'p', clientCert: 'c', clientKey: 'k' },
    ],
  ])('are those of %s, and where the cloud is comes from the profile', (_, secret: Record<string, string>) => {
    expect(openstackCloud.credentials({ ...secret, authURL: 'https://elsewhere.example', other: 'x' }, place)).toEqual({
      ...reach,
      ...secret,
    })
  })

  it('say where the cloud is when the profile is gone', () => {
    const secret = { authURL: 'https://mine.example', tenantName: 't', username: 'u', password: 'p' }
    expect(openstackCloud.credentials(secret, { ...place, providerConfig: undefined })).toEqual(secret)
  })

  it.each([
    [{ username: 'u', password: 'p' }, 'it has no tenantID or tenantName'],
    [{ tenantName: 't', username: 'u' }, 'it has no password'],
    [{ applicationCredentialSecret: 's' }, 'it has no applicationCredentialName'],
    [{ tenantName: 't', username: 'u', password: 'p', clientCert: 'c' }, 'it has no clientKey'],
    [
      { tenantName: 't', username: 'u', password: 'p', applicationCredentialSecret: 's' },
      'it has both a password and an applicationCredentialSecret',
    ],
  ])('are refused as %j', (secret, message) => {
    expect(() => openstackCloud.credentials(secret as unknown as Record<string, string>, place)).toThrow(message)
  })
})

describe('the infrastructure at OpenStack', () => {
  const dnsServers = ['192.0.2.53']
  it.each([
    ['those of the profile', { networks: { workers: 'w' } }, { dnsServers }, { workers: 'w', dnsServers }],
    ['those of the profile, without networks', {}, { dnsServers }, { dnsServers }],
    ['those of the Shoot', { networks: { dnsServers: ['192.0.2.1'] } }, { dnsServers }, { dnsServers: ['192.0.2.1'] }],
    ['none', { networks: { workers: 'w' } }, undefined, { workers: 'w' }],
  ])('has the name servers: %s', (_, configuration, profile, networks) => {
    expect(openstackCloud.infrastructureConfig(configuration, profile)).toEqual({ networks })
  })

  it('is left to its engine to refuse', () => {
    for (const wrong of [undefined, 'x', { networks: 'x' }]) {
      expect(openstackCloud.infrastructureConfig(wrong, { dnsServers })).toBe(wrong)
    }
  })
})
