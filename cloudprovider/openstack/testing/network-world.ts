import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import { createSystemClock } from '@trellis/foundation/clock'
import { createOpenStackCloudNetwork } from '../src/cloud-network.ts'
import type { Server } from '../src/resources.ts'
import { type CloudDouble, createCloudDouble } from './cloud-double.ts'

/** Two clusters at a cloud in memory, each with a router of its own. */
export interface OpenStackNetworkWorld extends AsyncDisposable {
  readonly double: CloudDouble
  readonly network: CloudNetwork
  readonly foreign: CloudNetwork
  /** Makes a server with an address at the router; its name. */
  addNode(name: string): Promise<string>
  removeNode(name: string): Promise<void>
  /** What the router of the cluster has, as `destination nexthop`. */
  routes(): readonly string[]
}

/** Credentials that the double takes. */
export const exampleSecret = {
  authURL: 'https://keystone.example.org:5000/v3',
  domainName: 'Default',
  tenantName: 'project',
  username: 'user',
  password: 'secret',
}

/** Makes the world; servers have a second address in a network that the router does not know. */
export function createOpenStackNetworkWorld(): OpenStackNetworkWorld {
  const double = createCloudDouble()
  for (const [index, name] of ['one', 'two'].entries()) {
    double.routers.set(`router-${name}`, { id: `router-${name}`, name, external_gateway_info: null, routes: [] })
    const fixed = [{ subnet_id: `subnet-${index + 1}`, ip_address: '10.250.0.1' }]
    const place = { network_id: `network-${index + 1}`, device_id: `router-${name}`, fixed_ips: fixed }
    double.addPort('', [], { ...place, device_owner: 'network:router_interface' })
  }
  const open = (name: string) =>
    createOpenStackCloudNetwork({
      clock: createSystemClock(),
      region: 'RegionOne',
      secret: exampleSecret,
      clusterName: name,
      router: name,
      connect: double.connect,
    })
  const serverOf = (name: string) => [...double.servers.values()].find((server) => server.name === name)?.id ?? ''
  return {
    double,
    network: open('one'),
    foreign: open('two'),
    addNode: async (name) => {
      const keys = ['kubernetes.io-cluster-one', 'kubernetes.io-role-node']
      const id = `server-${name}`
      const metadata = Object.fromEntries(keys.map((key) => [key, '1']))
      const server: Server = { id, name, status: 'ACTIVE', metadata, tags: keys }
      double.servers.set(id, server)
      const bound = { device_id: id, device_owner: 'compute:nova' }
      double.addPort('', [], {
        ...bound,
        network_id: 'network-2',
        fixed_ips: [{ subnet_id: 'other', ip_address: '192.0.2.7' }],
      })
      double.addPort(name, [], bound)
      return name
    },
    removeNode: async (name) => void double.servers.delete(serverOf(name)),
    routes: () => (double.routers.get('router-one')?.routes ?? []).map((one) => `${one.destination} ${one.nexthop}`),
    [Symbol.asyncDispose]: async () => {},
  }
}
