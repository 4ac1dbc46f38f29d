/** A spec that may be changed field by field. */
export type LooseSpec = Record<string, unknown>

/** The least that a class of provider `AWS` must say, for servers of a cluster. */
export function leastSpec(cluster = 'one'): LooseSpec {
  return {
    ami: 'ami-1',
    region: 'eu-west-1',
    machineType: 'm5.large',
    iam: { name: 'nodes' },
    tags: { [`kubernetes.io/cluster/${cluster}`]: '1', 'kubernetes.io/role/node': '1' },
    blockDevices: [{ ebs: { volumeSize: 50, volumeType: 'gp3' } }],
    networkInterfaces: [{ subnetID: 'subnet-1', securityGroupIDs: ['sg-1'] }],
  }
}

/** A spec with every field that there is. */
export function fullSpec(): LooseSpec {
  return {
    ...leastSpec(),
    apiVersion: 'mcm.gardener.cloud/v1alpha1',
    kind: 'AWSMachineClass',
    keyName: 'key',
    ebsOptimized: true,
    monitoring: true,
    spotPrice: '0.25',
    srcAndDstChecksEnabled: false,
    blockDevices: [
      {
        deviceName: '/root',
        ebs: {
          deleteOnTermination: true,
          encrypted: true,
          iops: 3000,
          throughput: 250,
          kmsKeyID: 'key-1',
          snapshotID: 'snap-1',
          volumeSize: 50,
          volumeType: 'gp3',
        },
      },
      { deviceName: '/dev/sdb', ebs: { iops: 20000, volumeSize: 100, volumeType: 'io2' } },
      { deviceName: '/dev/sdc', noDevice: 'true' },
      { deviceName: '/dev/sdd', virtualName: 'ephemeral0' },
    ],
    networkInterfaces: [
      {
        subnetID: 'subnet-1',
        securityGroupIDs: ['sg-1', 'sg-2'],
        associatePublicIPAddress: true,
        deleteOnTermination: true,
        description: 'first',
        ipv6AddressCount: 1,
        ipv6PrefixCount: 1,
        primaryIpv6: true,
        interfaceType: 'interface',
        networkCardIndex: 0,
        deviceIndex: 0,
      },
      { subnetID: 'subnet-2', securityGroupIDs: ['sg-1'], interfaceType: 'efa', networkCardIndex: 1, deviceIndex: 1 },
    ],
    capacityReservation: { capacityReservationPreference: 'open', capacityReservationId: 'cr-1' },
    instanceMetadataOptions: {
      httpEndpoint: 'enabled',
      httpPutResponseHopLimit: 2,
      httpTokens: 'required',
      httpProtocolIpv6: 'enabled',
    },
    cpuOptions: { coreCount: 2, threadsPerCore: 1, amdSevSnp: 'enabled' },
    placement: { groupId: 'pg-1', tenancy: 'host', hostId: 'h-1', partitionNumber: 2, affinity: 'host' },
    instanceMarketOptions: { marketType: 'spot' },
  }
}
