import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exampleSpec, exampleTags } from '../testing/example-class.ts'
import { parseProviderSpec } from './provider-spec.ts'

const parse = (change: Readonly<Record<string, unknown>>) => {
  const spec: Record<string, unknown> = { ...exampleSpec, ...change }
  for (const [key, value] of Object.entries(change)) if (value === undefined) delete spec[key]
  return parseProviderSpec({ spec })
}

describe('a provider spec of OpenStack', () => {
  it('is read as the reference writes it', () => {
    const read = parseProviderSpec({
      apiVersion: 'openstack.machine.gardener.cloud/v1alpha1',
      kind: 'MachineProviderConfig',
      spec: {
        ...exampleSpec,
        subnetID: 'subnet-0',
        subnetIDs: ['subnet-1', 'subnet-0'],
        podNetworkCidr: '100.64.0.0/16',
        podNetworkCIDRs: ['100.96.0.0/16', 'fd00:1::/64'],
        rootDiskSize: 50,
        rootDiskType: 'fast',
        useConfigDrive: true,
        serverGroupID: 'group-1',
      },
    })
    expect(read).toEqual({
      region: 'RegionOne',
      availabilityZone: 'nova',
      flavorName: 'm1.small',
      image: { id: 'image-1' },
      keyName: 'key',
      securityGroups: ['nodes'],
      tags: exampleTags,
      owned: exampleTags,
      networks: [
        { id: 'network-1', field: 'providerSpec.spec.networkID', pods: true, subnets: ['subnet-0', 'subnet-1'] },
      ],
      podNetworks: ['100.96.0.0/16', 'fd00:1::/64', '100.64.0.0/16'],
      rootDiskSize: 50,
      rootDiskType: 'fast',
      useConfigDrive: true,
      serverGroupId: 'group-1',
    })
  })

  it('may name an image, and several networks', () => {
    const networks = [{ id: 'a', podNetwork: true }, { name: 'storage' }]
    const read = parse({ imageID: undefined, imageName: 'debian', networkID: undefined, networks })
    expect(read.image).toEqual({ name: 'debian' })
    expect(read.networks).toEqual([
      { id: 'a', field: 'providerSpec.spec.networks[0]', pods: true, subnets: [] },
      { name: 'storage', field: 'providerSpec.spec.networks[1]', pods: false, subnets: [] },
    ])
  })

  it.each([
    { reason: 'empty strings, as the reference writes what is not set', change: { imageName: '', podNetworkCidr: '' } },
    { reason: 'an empty volume type', change: { rootDiskType: '' } },
    { reason: 'an empty server group', change: { serverGroupID: '' } },
    { reason: 'no security groups', change: { securityGroups: undefined } },
  ])('passes with $reason', ({ change }) => {
    expect(parse(change).region).toBe('RegionOne')
  })

  it.each([
    { change: { colour: 'red' }, field: 'colour' },
    { change: { region: undefined }, field: 'region' },
    { change: { region: '' }, field: 'region' },
    { change: { flavorName: undefined }, field: 'flavorName' },
    { change: { availabilityZone: 7 }, field: 'availabilityZone' },
    { change: { keyName: undefined }, field: 'keyName' },
    { change: { imageID: undefined }, field: 'imageName' },
    { change: { imageID: ' ', imageName: ' ' }, field: 'imageName' },
    { change: { networkID: undefined }, field: 'networkID' },
    { change: { networks: [{ id: 'a' }] }, field: 'networks' },
    { change: { networkID: '', networks: [{ id: 'a' }, { id: 'b', name: 'b' }] }, field: 'networks[1]' },
    { change: { networkID: '', networks: [{}] }, field: 'networks[0]' },
    { change: { networkID: '', networks: [{ id: 'a', speed: 1 }] }, field: 'networks[0].speed' },
    { change: { podNetworkCIDRs: undefined }, field: 'podNetworkCIDRs' },
    { change: { podNetworkCIDRs: ['100.96.0.0/16', '100.97.0.0'] }, field: 'podNetworkCIDRs[1]' },
    { change: { podNetworkCIDRs: ['100.96.0.0/33'] }, field: 'podNetworkCIDRs[0]' },
    { change: { podNetworkCIDRs: [], podNetworkCidr: 'all' }, field: 'podNetworkCidr' },
    { change: { rootDiskSize: -1 }, field: 'rootDiskSize' },
    { change: { rootDiskSize: 1.5 }, field: 'rootDiskSize' },
    { change: { useConfigDrive: 'yes' }, field: 'useConfigDrive' },
    { change: { tags: { 'kubernetes.io-cluster-one': '1' } }, field: 'tags' },
    { change: { tags: { 'kubernetes.io-role-node': '1', 'kubernetes.io-cluster-': '1' } }, field: 'tags' },
    { change: { tags: { ...exampleTags, colour: 7 } }, field: 'tags.colour' },
  ])('is refused for $change at $field', ({ change, field }) => {
    expect(() => parse(change)).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: `providerSpec.spec.${field}` }),
    )
  })

  it.each([
    { input: undefined, field: 'providerSpec' },
    { input: 'text', field: 'providerSpec' },
    { input: {}, field: 'providerSpec.spec' },
    { input: { spec: exampleSpec, kind: 'Machine' }, field: 'providerSpec.kind' },
    { input: { spec: exampleSpec, flavorName: 'flat' }, field: 'providerSpec.flavorName' },
  ])('is refused as $input at $field', ({ input, field }) => {
    expect(() => parseProviderSpec(input)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })

  it('never crashes: ten thousand inputs are read or refused with a path', () => {
    const key = fc.constantFrom(...Object.keys(exampleSpec), 'networks', 'subnetIDs', 'rootDiskSize', 'other')
    const value = fc.oneof(fc.anything(), fc.constantFrom('', ' ', '10.0.0.0/8', [{ id: 'a' }], { a: 'b' }))
    const changes = fc.array(fc.tuple(key, value), { maxLength: 4 })
    const inputs = fc.oneof(
      fc.anything(),
      changes.map((pairs) => ({ spec: { ...exampleSpec, ...Object.fromEntries(pairs) } })),
    )
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          parseProviderSpec(input)
        } catch (error) {
          expect(error).toBeInstanceOf(Failure)
          expect((error as Failure).kind).toBe('Invalid')
          expect((error as Failure).field).toMatch(/^providerSpec(\.|$)/)
        }
      }),
      { numRuns: 10_000 },
    )
  })
})
