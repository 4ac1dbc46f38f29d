import { parseRange } from '../src/addresses.ts'
import type { HostFacts } from '../src/host-facts.ts'
import type { LoadBalancerRecord, NetworkRecord, RouteRecord, ServerRecord } from '../src/records.ts'

const createdAt = '2026-01-01T00:00:00.000Z'

/** A cloud's common part. */
export const exampleCloud = {
  instance: 'test',
  publicRange: parseRange('198.18.0.0/16', 'publicRange'),
  metadataPort: 8080,
}

/** A host with all that machines may use. */
export const exampleFacts: HostFacts = {
  cores: 2,
  memoryBytes: 16 * 2 ** 30,
  cgroupVersion: 1,
  capabilities: ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
  openFilesLimit: 20_000,
  inotifyInstances: 1024,
  devices: [{ path: '/dev/net/tun', major: 10, minor: 200 }],
}

/** A network record; say only what matters. */
export function exampleNetwork(fields: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    id: 'net-11111111',
    name: 'alpha',
    tags: {},
    createdAt,
    cidr: '10.250.0.0/16',
    publicAddress: '198.18.0.16',
    ...fields,
  }
}

/** A server record; say only what matters. */
export function exampleServer(fields: Partial<ServerRecord> = {}): ServerRecord {
  return {
    id: 'srv-11111111',
    name: 'one',
    tags: {},
    createdAt,
    network: 'net-11111111',
    image: 'trellis',
    flavor: 'small',
    userData: '#cloud-config\n',
    state: 'running',
    privateAddress: '10.250.0.2',
    publicAddress: '198.18.0.17',
    ...fields,
  }
}

/** A load balancer record; say only what matters. */
export function exampleLoadBalancer(fields: Partial<LoadBalancerRecord> = {}): LoadBalancerRecord {
  return {
    id: 'lb-11111111',
    name: 'door',
    tags: {},
    createdAt,
    network: 'net-11111111',
    address: '198.18.0.30',
    listeners: [{ name: 'api', protocol: 'TCP', port: 443, targetPort: 30443 }],
    targets: ['srv-11111111'],
    ...fields,
  }
}

/** A route record; say only what matters. */
export function exampleRoute(fields: Partial<RouteRecord> = {}): RouteRecord {
  return {
    id: 'rt-11111111',
    network: 'net-11111111',
    destination: '100.96.0.0/24',
    nextHopServer: 'srv-11111111',
    createdAt,
    ...fields,
  }
}
