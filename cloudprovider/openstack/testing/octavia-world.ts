import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import { createSystemClock } from '@trellis/foundation/clock'
import { createOpenStackCloudNetwork, type OpenStackCloudNetworkOptions } from '../src/cloud-network.ts'
import { exampleSecret } from './network-world.ts'
import { createNetworkServices, type NetworkServices } from './octavia.ts'
import { type ScriptedCloud, startScriptedCloud } from './scripted-cloud.ts'

/** Two clusters at a cloud with Octavia, over HTTP. */
export interface OctaviaWorld extends AsyncDisposable {
  readonly cloud: ScriptedCloud
  readonly services: NetworkServices
  readonly network: CloudNetwork
  readonly foreign: CloudNetwork
  addNode(name: string): Promise<string>
  removeNode(name: string): Promise<void>
  /** What each pool leads to, as `tcp-80 10.250.0.2:30080`. */
  pools(): readonly string[]
}

/** Starts the world. */
export async function startOctaviaWorld(
  choice: Pick<OpenStackCloudNetworkOptions, 'loadBalancerProvider'> = {},
): Promise<OctaviaWorld> {
  const clock = createSystemClock()
  const services = createNetworkServices()
  const cloud = await startScriptedCloud(clock.now)
  cloud.services = { 'load-balancer': '/octavia' }
  cloud.answer = services.answer
  for (const name of ['one', 'two']) {
    services.add('routers', {
      id: `router-${name}`,
      name,
      external_gateway_info: { network_id: 'outside' },
      routes: [],
    })
    const fixed = [{ subnet_id: 'subnet-1', ip_address: '10.250.0.1' }]
    const place = { network_id: 'network-1', device_id: `router-${name}`, fixed_ips: fixed }
    services.add('ports', { ...place, device_owner: 'network:router_interface' })
  }
  const secret = { ...exampleSecret, authURL: cloud.authUrl }
  const open = (name: string) =>
    createOpenStackCloudNetwork({ clock, region: 'RegionOne', secret, clusterName: name, router: name, ...choice })
  const networks = [open('one'), open('two')] as const
  const { servers, ports, pools } = services.things
  return {
    cloud,
    services,
    network: networks[0],
    foreign: networks[1],
    addNode: async (name) => {
      const tags = ['kubernetes.io-cluster-one', 'kubernetes.io-role-node']
      const metadata = Object.fromEntries(tags.map((tag) => [tag, '1']))
      const { id } = services.add('servers', { name, status: 'ACTIVE', metadata, tags })
      const fixed = [{ subnet_id: 'subnet-1', ip_address: `10.250.0.${ports.size + 2}` }]
      services.add('ports', { network_id: 'network-1', device_id: id, device_owner: 'compute:nova', fixed_ips: fixed })
      return name
    },
    removeNode: async (name) => {
      for (const [id, server] of servers) if (server.name === name) servers.delete(id)
    },
    pools: () =>
      [...pools.values()]
        .map(({ id, name }) => {
          const members = (services.members.get(id) ?? []).map((one) => `${one.address}:${one.protocol_port}`)
          return [name, ...members].join(' ')
        })
        .sort(),
    [Symbol.asyncDispose]: async () => {
      for (const network of networks) network[Symbol.dispose]()
      await cloud[Symbol.asyncDispose]()
    },
  }
}
