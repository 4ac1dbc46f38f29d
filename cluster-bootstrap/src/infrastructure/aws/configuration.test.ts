import { Failure } from '@trellis/foundation/failure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oneZone, twoZones, wishFor } from '../../../testing/aws-harness.ts'
import type { InfrastructureRequest } from '../engine.ts'
import { parseConfiguration } from './configuration.ts'

const root = 'spec.provider.infrastructureConfig'
const zone = { name: 'eu-west-1a', workers: '10.250.0.0/19', public: '10.250.96.0/22', internal: '10.250.112.0/22' }
const second = { name: 'eu-west-1b', workers: '10.250.32.0/19', public: '10.250.100.0/22', internal: '10.250.116.0/22' }

function requestWith(configuration: unknown, change: Partial<InfrastructureRequest> = {}): InfrastructureRequest {
  const rest = { state: {}, save: async () => {}, signal: new AbortController().signal, note: () => {} }
  return { ...wishFor('one'), configuration, ...rest, ...change }
}

function networks(zones: readonly object[], vpc: object = { cidr: '10.250.0.0/16' }) {
  return { networks: { vpc, zones } }
}

describe('a configuration is taken', () => {
  it.each([
    ['with one zone', oneZone()],
    ['with two zones', twoZones()],
    [
      'with the name of its kind',
      oneZone({ apiVersion: 'aws.provider.extensions.gardener.cloud/v1alpha1', kind: 'InfrastructureConfig' }),
    ],
    ['with the VPC of the user', networks([zone], { id: 'vpc-0123456789abcdef0' })],
    ['with an address of the user', networks([{ ...zone, elasticIPAllocationID: 'eipalloc-0123' }])],
  ])('%s', (_reason, configuration) => {
    expect(parseConfiguration(requestWith(configuration))).toEqual(configuration)
  })
})

describe('a configuration is refused by the field', () => {
  it.each([
    ['when there is none', undefined, ''],
    ['when it is no object', 7, ''],
    ['for an unknown field', oneZone({ colour: 'red' }), '.colour'],
    ['for another kind', oneZone({ kind: 'Other' }), '.kind'],
    ['for no VPC', networks([zone], {}), '.networks.vpc'],
    ['for a VPC that is both made and used', networks([zone], { id: 'vpc-1', cidr: '10.250.0.0/16' }), '.networks.vpc'],
    ['for an id that is none', networks([zone], { id: 'x' }), '.networks.vpc.id'],
    ['for a range that is none', networks([zone], { cidr: '10.250.0.0' }), '.networks.vpc.cidr'],
    ['for a range with bits behind its prefix', networks([zone], { cidr: '10.250.1.0/16' }), '.networks.vpc.cidr'],
    ['for a range that is too large for AWS', networks([zone], { cidr: '10.0.0.0/8' }), '.networks.vpc.cidr'],
    ['for no zones', networks([]), '.networks.zones'],
    ['for a zone of another region', networks([{ ...zone, name: 'us-east-1a' }]), '.networks.zones[0].name'],
    ['for a zone that is there twice', networks([zone, { ...second, name: zone.name }]), '.networks.zones[1].name'],
    ['for a zone without a range', networks([{ ...zone, public: undefined }]), '.networks.zones[0].public'],
    ['for a range outside of the VPC', networks([{ ...zone, public: '10.1.0.0/22' }]), '.networks.zones[0].public'],
    ['for ranges that overlap', networks([zone, { ...second, public: zone.internal }]), '.networks.zones[1].public'],
    ['for a range that is too small', networks([{ ...zone, public: '10.250.96.0/29' }]), '.networks.zones[0].public'],
    ['for workers in a zone without subnets', networks([second]), '.networks.zones'],
    [
      'for an address that is none',
      networks([{ ...zone, elasticIPAllocationID: '203.0.113.1' }]),
      '.networks.zones[0].elasticIPAllocationID',
    ],
  ])('%s', (_reason, configuration, field) => {
    expect(() => parseConfiguration(requestWith(configuration))).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: `${root}${field}` }),
    )
  })

  it('for machines outside of the network of nodes, or ranges within those of pods or services', () => {
    const nets = { nodes: '10.250.0.0/16', pods: '10.250.96.0/20', services: '100.64.0.0/13' }
    const outside = { ...nets, nodes: '10.250.128.0/17', pods: '100.96.0.0/11' }
    for (const [change, field] of [
      [nets, 'public'],
      [outside, 'workers'],
    ] as const) {
      expect(() => parseConfiguration(requestWith(oneZone(), { networks: change }))).toThrow(
        expect.objectContaining({ field: `${root}.networks.zones[0].${field}` }),
      )
    }
  })
})

it('whatever a configuration holds, it is taken or refused by a field', () => {
  const key = fc.constantFrom('networks', 'vpc', 'zones', 'id', 'cidr', 'name', 'workers', 'enableECRAccess')
  const anything = fc.letrec<{ readonly node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.constantFrom<unknown>('10.250.0.0/16', 'eu-west-1a', 'vpc-1', zone),
      fc.array(tie('node'), { maxLength: 2 }),
      fc.dictionary(key, tie('node'), { maxKeys: 4 }),
    ),
  })).node
  const property = fc.property(anything, (configuration) => {
    try {
      parseConfiguration(requestWith(configuration))
    } catch (error) {
      expect(error).toBeInstanceOf(Failure)
      expect((error as Failure).field).toMatch(/^spec\.provider\.infrastructureConfig($|\.)/)
    }
  })
  fc.assert(property, { numRuns: 2000 })
})
