import type { Instance } from '../src/client-types.ts'

/** A server that runs, with one interface. */
export function instanceOf(change: Partial<Instance> = {}): Instance {
  return {
    id: 'i-1',
    state: 'running',
    privateDnsName: 'ip-10-250-0-4.eu-west-1.compute.internal',
    publicDnsName: '',
    privateAddresses: ['10.250.0.4'],
    tags: { Name: 'machine-a' },
    interfaces: [{ id: 'eni-1', deviceIndex: 0, networkCardIndex: 0, sourceDestCheck: true, ipv6Prefixes: 0 }],
    ownVolumeIds: ['vol-1'],
    monitored: false,
    metadata: {},
    ...change,
  }
}
