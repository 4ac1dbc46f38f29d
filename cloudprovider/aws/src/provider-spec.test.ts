import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fullSpec, type LooseSpec, leastSpec } from '../testing/specs.ts'
import { parseProviderSpec } from './provider-spec.ts'

const root = { volumeSize: 50, volumeType: 'gp3' }
const nic = { subnetID: 'subnet-1', securityGroupIDs: ['sg-1'] }
const owned = { 'kubernetes.io/cluster/one': '1', 'kubernetes.io/role/node': '1' }

function failureOf(spec: unknown): unknown {
  try {
    parseProviderSpec(spec)
  } catch (error) {
    return error
  }
  return undefined
}

function disk(ebs: LooseSpec): LooseSpec {
  return { blockDevices: [{ ebs: { ...root, ...ebs } }] }
}

describe('a spec is accepted', () => {
  it.each([
    ['with the least', leastSpec()],
    ['with everything', fullSpec()],
    ['with an instance profile by ARN', { ...leastSpec(), iam: { arn: 'arn:aws:iam::1:instance-profile/nodes' } }],
    ['with a spot price that follows the market', { ...leastSpec(), spotPrice: '' }],
    ['with any name of its only device', { ...leastSpec(), blockDevices: [{ deviceName: '/dev/xvda', ebs: root }] }],
    ['with a key that implies encryption', { ...leastSpec(), ...disk({ kmsKeyID: 'k' }) }],
    ['with iops of 0, which means unset', { ...leastSpec(), ...disk({ volumeType: 'gp2', iops: 0 }) }],
    ['with a Name tag, which is ours to set', { ...leastSpec(), tags: { ...owned, Name: 'x' } }],
    ['in a region of another partition', { ...leastSpec(), region: 'us-gov-west-1' }],
    [
      'with a capacity block',
      {
        ...leastSpec(),
        instanceMarketOptions: { marketType: 'capacity-block' },
        capacityReservation: { capacityReservationId: 'cr-1' },
      },
    ],
    [
      'with interfaces on two network cards',
      { ...leastSpec(), networkInterfaces: [nic, { ...nic, networkCardIndex: 1, deviceIndex: 0 }] },
    ],
  ])('%s', (_reason, spec) => {
    expect(parseProviderSpec(spec)).toEqual(spec)
  })
})

describe('a spec is refused by the field', () => {
  it.each<[string, LooseSpec, string]>([
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['an unknown field deep inside', { networkInterfaces: [{ ...nic, colour: 'red' }] }, 'networkInterfaces[0].colour'],
    ['no image', { ami: undefined }, 'ami'],
    ['an empty image', { ami: '' }, 'ami'],
    ['no region', { region: undefined }, 'region'],
    ['a zone for a region', { region: 'eu-west-1a' }, 'region'],
    ['a host for a region', { region: 'evil.example.org/' }, 'region'],
    ['no machine type', { machineType: undefined }, 'machineType'],
    ['no instance profile', { iam: undefined }, 'iam'],
    ['an instance profile that nothing names', { iam: {} }, 'iam'],
    ['an instance profile that two things name', { iam: { arn: 'a', name: 'b' } }, 'iam'],
    ['no tags', { tags: undefined }, 'tags'],
    ['tags without a cluster', { tags: { 'kubernetes.io/role/node': '1' } }, 'tags'],
    ['tags without a role', { tags: { 'kubernetes.io/cluster/one': '1' } }, 'tags'],
    ['a tag of AWS', { tags: { ...owned, 'aws:x': '1' } }, 'tags.aws:x'],
    ['a tag that is no text', { tags: { ...owned, x: 1 } }, 'tags.x'],
    [
      'more tags than there may be',
      { tags: { ...owned, ...Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`k${index}`, ''])) } },
      'tags',
    ],
    ['no interface', { networkInterfaces: [] }, 'networkInterfaces'],
    [
      'an interface without a subnet',
      { networkInterfaces: [{ securityGroupIDs: ['a'] }] },
      'networkInterfaces[0].subnetID',
    ],
    [
      'an interface without security groups',
      { networkInterfaces: [{ ...nic, securityGroupIDs: [] }] },
      'networkInterfaces[0].securityGroupIDs',
    ],
    [
      'two interfaces at one place',
      { networkInterfaces: [nic, { ...nic, deviceIndex: 0 }] },
      'networkInterfaces[1].deviceIndex',
    ],
    [
      'addresses for EFA alone',
      { networkInterfaces: [{ ...nic, interfaceType: 'efa-only', ipv6AddressCount: 1 }] },
      'networkInterfaces[0].interfaceType',
    ],
    [
      'a first of no addresses',
      { networkInterfaces: [{ ...nic, primaryIpv6: true }] },
      'networkInterfaces[0].primaryIpv6',
    ],
    [
      'another sort of interface',
      { networkInterfaces: [{ ...nic, interfaceType: 'trunk' }] },
      'networkInterfaces[0].interfaceType',
    ],
    ['no block device', { blockDevices: [] }, 'blockDevices'],
    ['a device without a volume', { blockDevices: [{}] }, 'blockDevices[0].ebs'],
    [
      'two devices and none to boot from',
      {
        blockDevices: [
          { deviceName: '/dev/sda', ebs: root },
          { deviceName: '/dev/sdb', ebs: root },
        ],
      },
      'blockDevices',
    ],
    [
      'two devices to boot from',
      {
        blockDevices: [
          { deviceName: '/root', ebs: root },
          { deviceName: '/root', ebs: root },
        ],
      },
      'blockDevices[1].deviceName',
    ],
    [
      'a device of no such name',
      {
        blockDevices: [
          { deviceName: '/root', ebs: root },
          { deviceName: '/dev/hda', ebs: root },
        ],
      },
      'blockDevices[1].deviceName',
    ],
    ['another type of volume', disk({ volumeType: 'gp9' }), 'blockDevices[0].ebs.volumeType'],
    ['no size', disk({ volumeSize: 0 }), 'blockDevices[0].ebs.volumeSize'],
    ['io1 without operations', disk({ volumeType: 'io1' }), 'blockDevices[0].ebs.iops'],
    ['io2 without operations', disk({ volumeType: 'io2', iops: 0 }), 'blockDevices[0].ebs.iops'],
    ['gp2 with operations', disk({ volumeType: 'gp2', iops: 100 }), 'blockDevices[0].ebs.iops'],
    ['no throughput', disk({ throughput: 0 }), 'blockDevices[0].ebs.throughput'],
    ['throughput of a type without', disk({ volumeType: 'gp2', throughput: 125 }), 'blockDevices[0].ebs.throughput'],
    ['a key without encryption', disk({ kmsKeyID: 'k', encrypted: false }), 'blockDevices[0].ebs.encrypted'],
    [
      'a reservation and a group',
      { capacityReservation: { capacityReservationId: 'a', capacityReservationResourceGroupArn: 'b' } },
      'capacityReservation',
    ],
    [
      'a capacity block of no reservation',
      { instanceMarketOptions: { marketType: 'capacity-block' } },
      'capacityReservation',
    ],
    ['another market', { instanceMarketOptions: { marketType: 'bazaar' } }, 'instanceMarketOptions.marketType'],
    [
      'a spot price of what is not spot',
      { spotPrice: '1', instanceMarketOptions: { marketType: 'capacity-block' } },
      'spotPrice',
    ],
    ['a spot price that is no number', { spotPrice: 'cheap' }, 'spotPrice'],
    [
      'answers that travel too far',
      { instanceMetadataOptions: { httpPutResponseHopLimit: 65 } },
      'instanceMetadataOptions.httpPutResponseHopLimit',
    ],
    ['cores without threads', { cpuOptions: { coreCount: 2 } }, 'cpuOptions'],
    ['three threads', { cpuOptions: { coreCount: 2, threadsPerCore: 3 } }, 'cpuOptions.threadsPerCore'],
    ['a host without its tenancy', { placement: { hostId: 'h-1' } }, 'placement.hostId'],
    ['no partition', { placement: { partitionNumber: 0 } }, 'placement.partitionNumber'],
  ])('%s', (_reason, change, field) => {
    const spec: LooseSpec = { ...leastSpec(), ...change }
    for (const [key, value] of Object.entries(change)) if (value === undefined) delete spec[key]
    const failure = failureOf(spec)
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ kind: 'Invalid', field: `providerSpec.${field}` })
  })

  it.each([undefined, null, 7, 'x', []])('%s is no spec at all', (spec) => {
    expect(failureOf(spec)).toMatchObject({ kind: 'Invalid', field: 'providerSpec' })
  })
})

describe('whatever a spec holds', () => {
  const keys = [...Object.keys(fullSpec()), 'ebs', 'colour']
  const leaf = fc.oneof(fc.jsonValue(), fc.constantFrom('gp3', '/root', '/dev/sdb', 'spot', 0, 1, 65, true, false))
  const anything = fc.letrec<{ readonly node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('node'), { maxKeys: 4 }),
    ),
  })).node
  /** Specs that are right but for a few fields reach further than those that are all wrong. */
  const nearly = fc
    .tuple(fc.constantFrom(leastSpec, fullSpec), fc.dictionary(fc.constantFrom(...keys), anything, { maxKeys: 2 }))
    .map(([make, change]) => ({ ...make(), ...change }))

  it('it is taken, or refused by a field below providerSpec', () => {
    let refused = 0
    const property = fc.property(
      fc.oneof({ weight: 1, arbitrary: anything }, { weight: 3, arbitrary: nearly }),
      (spec) => {
        const failure = failureOf(spec)
        if (failure === undefined) return
        refused++
        expect(failure).toBeInstanceOf(Failure)
        expect(failure).toMatchObject({ kind: 'Invalid', field: expect.stringMatching(/^providerSpec($|\.)/) })
      },
    )
    fc.assert(property, { numRuns: 10_000 })
    expect(refused).toBeGreaterThan(1000)
  })
})
