import { describe, expect, it } from 'vitest'
import { fullSpec, type LooseSpec, leastSpec } from '../testing/specs.ts'
import { parseProviderSpec } from './provider-spec.ts'
import { runRequest } from './run-request.ts'

const wish = { machineName: 'machine-a', userData: '#cloud-config\n', rootDeviceName: '/dev/xvda', clientToken: 't' }

function requestOf(spec: LooseSpec) {
  return runRequest(parseProviderSpec(spec), wish)
}

const tags = [
  { Key: 'kubernetes.io/cluster/one', Value: '1' },
  { Key: 'kubernetes.io/role/node', Value: '1' },
  { Key: 'Name', Value: 'machine-a' },
  { Key: 'machine.sapcloud.io/class-tags', Value: expect.stringMatching(/^\S{4} \S{4}$/) },
]

describe('the request for a server', () => {
  it('says the least when the class does', () => {
    expect(requestOf(leastSpec())).toEqual({
      ClientToken: 't',
      ImageId: 'ami-1',
      InstanceType: 'm5.large',
      UserData: Buffer.from('#cloud-config\n').toString('base64'),
      IamInstanceProfile: { Name: 'nodes' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, VolumeType: 'gp3', DeleteOnTermination: true } },
      ],
      NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: 'subnet-1', Groups: ['sg-1'], DeleteOnTermination: true }],
      TagSpecifications: [
        { ResourceType: 'instance', Tags: tags },
        { ResourceType: 'volume', Tags: tags },
        { ResourceType: 'network-interface', Tags: tags },
      ],
    })
  })

  it('leaves out nothing that the class says', () => {
    expect(requestOf(fullSpec())).toMatchObject({
      KeyName: 'key',
      EbsOptimized: true,
      Monitoring: { Enabled: true },
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/xvda',
          Ebs: {
            VolumeSize: 50,
            VolumeType: 'gp3',
            DeleteOnTermination: true,
            Encrypted: true,
            Iops: 3000,
            Throughput: 250,
            KmsKeyId: 'key-1',
            SnapshotId: 'snap-1',
          },
        },
        { DeviceName: '/dev/sdb', Ebs: { VolumeSize: 100, VolumeType: 'io2', DeleteOnTermination: true, Iops: 20000 } },
        { DeviceName: '/dev/sdc', NoDevice: 'true' },
        { DeviceName: '/dev/sdd', VirtualName: 'ephemeral0' },
      ],
      NetworkInterfaces: [
        {
          DeviceIndex: 0,
          SubnetId: 'subnet-1',
          Groups: ['sg-1', 'sg-2'],
          AssociatePublicIpAddress: true,
          DeleteOnTermination: true,
          Description: 'first',
          Ipv6AddressCount: 1,
          PrimaryIpv6: true,
          InterfaceType: 'interface',
          NetworkCardIndex: 0,
        },
        { DeviceIndex: 1, SubnetId: 'subnet-2', Groups: ['sg-1'], InterfaceType: 'efa', NetworkCardIndex: 1 },
      ],
      CapacityReservationSpecification: {
        CapacityReservationPreference: 'open',
        CapacityReservationTarget: { CapacityReservationId: 'cr-1' },
      },
      MetadataOptions: {
        HttpEndpoint: 'enabled',
        HttpPutResponseHopLimit: 2,
        HttpTokens: 'required',
        HttpProtocolIpv6: 'enabled',
      },
      CpuOptions: { CoreCount: 2, ThreadsPerCore: 1, AmdSevSnp: 'enabled' },
      Placement: { GroupId: 'pg-1', Tenancy: 'host', HostId: 'h-1', PartitionNumber: 2, Affinity: 'host' },
      InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.25' } },
    })
  })

  it.each<[string, LooseSpec, LooseSpec]>([
    ['an instance profile by ARN', { iam: { arn: 'arn:x' } }, { IamInstanceProfile: { Arn: 'arn:x' } }],
    ['spot at any price', { spotPrice: '' }, { InstanceMarketOptions: { MarketType: 'spot' } }],
    [
      'a capacity block',
      {
        instanceMarketOptions: { marketType: 'capacity-block' },
        capacityReservation: { capacityReservationResourceGroupArn: 'arn:g' },
      },
      {
        InstanceMarketOptions: { MarketType: 'capacity-block' },
        CapacityReservationSpecification: {
          CapacityReservationTarget: { CapacityReservationResourceGroupArn: 'arn:g' },
        },
      },
    ],
    [
      'interruptible capacity',
      { instanceMarketOptions: { marketType: 'interruptible-capacity-reservation' } },
      { InstanceMarketOptions: { MarketType: 'interruptible-capacity-reservation' } },
    ],
    [
      'encryption with a key that implies it',
      { blockDevices: [{ ebs: { volumeSize: 1, volumeType: 'gp2', kmsKeyID: 'k' } }] },
      { BlockDeviceMappings: [{ Ebs: { Encrypted: true, KmsKeyId: 'k' } }] },
    ],
    [
      'prefixes together with the server when there are no addresses beside them',
      { networkInterfaces: [{ subnetID: 's', securityGroupIDs: ['g'], ipv6PrefixCount: 1 }] },
      { NetworkInterfaces: [{ Ipv6PrefixCount: 1 }] },
    ],
    [
      'an address that does not stay',
      { networkInterfaces: [{ subnetID: 's', securityGroupIDs: ['g'], ipv6AddressCount: 2, primaryIpv6: false }] },
      { NetworkInterfaces: [{ Ipv6AddressCount: 2, PrimaryIpv6: false }] },
    ],
    [
      'volumes that are to be kept',
      { blockDevices: [{ ebs: { volumeSize: 1, volumeType: 'gp2', deleteOnTermination: false } }] },
      {
        TagSpecifications: [
          { ResourceType: 'instance', Tags: tags },
          { ResourceType: 'volume', Tags: [...tags, { Key: 'machine.sapcloud.io/kept', Value: 'true' }] },
          { ResourceType: 'network-interface', Tags: tags },
        ],
      },
    ],
  ])('asks for %s', (_reason, change, sent) => {
    expect(requestOf({ ...leastSpec(), ...change })).toMatchObject(sent)
  })

  it.each([
    [
      'keeps silent about prefixes that come later',
      { networkInterfaces: [{ subnetID: 's', securityGroupIDs: ['g'], ipv6PrefixCount: 1, ipv6AddressCount: 1 }] },
    ],
    [
      'keeps silent about empty options',
      {
        cpuOptions: {},
        placement: {},
        instanceMetadataOptions: { httpPutResponseHopLimit: 0 },
        capacityReservation: {},
      },
    ],
  ])('%s', (_reason, change) => {
    const request = requestOf({ ...leastSpec(), ...change })
    expect(request.NetworkInterfaces[0]).not.toHaveProperty('Ipv6PrefixCount')
    for (const key of ['CpuOptions', 'Placement', 'MetadataOptions', 'CapacityReservationSpecification']) {
      expect(request).not.toHaveProperty(key)
    }
  })

  it('takes 16 KiB of user data and no more', () => {
    const spec = parseProviderSpec(leastSpec())
    expect(runRequest(spec, { ...wish, userData: 'x'.repeat(16384) }).UserData).toHaveLength(21848)
    expect(() => runRequest(spec, { ...wish, userData: 'ä'.repeat(8193) })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'secretRef.data.userData' }),
    )
  })
})
