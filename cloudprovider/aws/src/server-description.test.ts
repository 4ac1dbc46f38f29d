import { describe, expect, it } from 'vitest'
import { instanceOf } from '../testing/instances.ts'
import { type LooseSpec, leastSpec } from '../testing/specs.ts'
import type { Instance } from './client-types.ts'
import { parseProviderSpec } from './provider-spec.ts'
import { describeServer, instanceIdOf, pendingSteps } from './server-description.ts'

const spec = (change: LooseSpec = {}) => parseProviderSpec({ ...leastSpec(), ...change })
const nic = { subnetID: 's', securityGroupIDs: ['g'] }
const user = { code: 'Client.UserInitiatedShutdown', message: 'Client.UserInitiatedShutdown: User initiated shutdown' }
const stock = { code: 'Server.InsufficientInstanceCapacity', message: 'Server.InsufficientInstanceCapacity: none left' }

describe('a server', () => {
  it('is described by provider id, node name and addresses', () => {
    const instance = instanceOf({
      privateAddresses: ['10.250.0.4', '2001:db8::4'],
      publicAddress: '203.0.113.4',
      publicDnsName: 'ec2-203-0-113-4.eu-west-1.compute.amazonaws.com',
    })
    expect(describeServer(instance, spec())).toEqual({
      providerId: 'aws:///eu-west-1/i-1',
      nodeName: 'ip-10-250-0-4.eu-west-1.compute.internal',
      addresses: [
        { type: 'InternalIP', address: '10.250.0.4' },
        { type: 'InternalIP', address: '2001:db8::4' },
        { type: 'ExternalIP', address: '203.0.113.4' },
        { type: 'InternalDNS', address: 'ip-10-250-0-4.eu-west-1.compute.internal' },
        { type: 'ExternalDNS', address: 'ec2-203-0-113-4.eu-west-1.compute.amazonaws.com' },
        { type: 'Hostname', address: 'ip-10-250-0-4.eu-west-1.compute.internal' },
      ],
      state: 'running',
      initialized: true,
    })
  })

  it.each<[Partial<Instance>, object]>([
    [{ state: 'pending' }, { state: 'creating' }],
    [{ state: 'running' }, { state: 'running' }],
    [{ state: 'stopping', stateReason: user }, { state: 'stopped' }],
    [
      { state: 'stopped', stateReason: stock },
      { state: 'stopped', reason: stock.message },
    ],
    [
      { state: 'terminated', stateReason: stock },
      { state: 'failed', reason: stock.message },
    ],
    [
      { state: 'terminated', stateReason: { code: 'Server.SpotInstanceTermination', message: '' } },
      { reason: 'Server.SpotInstanceTermination' },
    ],
  ])('%j stands as %j', (change, expected) => {
    expect(describeServer(instanceOf(change), spec())).toMatchObject(expected)
  })

  it('without a name is not there yet', () => {
    expect(() => describeServer(instanceOf({ privateDnsName: '' }), spec())).toThrow(
      expect.objectContaining({ kind: 'Unavailable' }),
    )
  })

  it.each([
    ['aws:///eu-west-1/i-0ab', 'i-0ab'],
    ['aws:///eu-west-1/i-0ab/', undefined],
    ['gce://eu-west-1/i-0ab', undefined],
    ['i-0ab', undefined],
    [undefined, undefined],
  ])('has in %s the id %s', (providerId, id) => {
    expect(instanceIdOf(providerId)).toBe(id)
  })
})

describe('what is still to be done', () => {
  const interfaces = [
    { id: 'eni-1', deviceIndex: 0, networkCardIndex: 0, sourceDestCheck: true, ipv6Prefixes: 0 },
    { id: 'eni-2', deviceIndex: 1, networkCardIndex: 0, sourceDestCheck: true, ipv6Prefixes: 1 },
    { id: 'eni-pods', deviceIndex: 2, networkCardIndex: 0, sourceDestCheck: true, ipv6Prefixes: 0 },
  ]
  it.each<[string, LooseSpec, readonly string[]]>([
    ['nothing, usually', {}, []],
    ['nothing when checks are wanted', { srcAndDstChecksEnabled: true }, []],
    [
      'letting packets through on each interface of the class',
      { srcAndDstChecksEnabled: false, networkInterfaces: [nic, nic] },
      ['eni-1', 'eni-2'],
    ],
    [
      'not on those for EFA',
      { srcAndDstChecksEnabled: false, networkInterfaces: [{ ...nic, interfaceType: 'efa' }, nic] },
      ['eni-2'],
    ],
    [
      'prefixes that are missing',
      {
        networkInterfaces: [
          { ...nic, ipv6PrefixCount: 2 },
          { ...nic, ipv6PrefixCount: 1 },
        ],
      },
      ['eni-1+2'],
    ],
    [
      'both',
      { srcAndDstChecksEnabled: false, networkInterfaces: [nic, { ...nic, ipv6PrefixCount: 2 }] },
      ['eni-1', 'eni-2', 'eni-2+1'],
    ],
  ])('%s', (_reason, change, expected) => {
    const instance = instanceOf({ interfaces })
    const steps = pendingSteps(instance, spec(change))
    expect(steps.map((step) => step.interfaceId + (step.kind === 'assign-prefixes' ? `+${step.count}` : ''))).toEqual(
      expected,
    )
    expect(describeServer(instance, spec(change)).initialized).toBe(expected.length === 0)
  })
})
