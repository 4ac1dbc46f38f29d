import type { LoadBalancer } from '@trellis/cloudprovider/local/client'
import { defineOutput } from '@trellis/flow/output'
import type { Task } from '@trellis/flow/task'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { garden, managedTags } from '../../garden/garden.ts'
import type { UpServices } from '../services.ts'

/** Public address of the garden's API server. */
export const gardenAddressOutput = defineOutput(
  'garden network',
  createParser(Type.Object({ address: Type.String(), network: Type.String() }), 'address of the garden').parse,
)

/** Makes the network of the garden/seed cluster and the address of its API server, before any machine exists. */
export const gardenNetwork: Task<UpServices> = {
  id: 'garden network',
  dependsOn: ['cloud'],
  produces: gardenAddressOutput,
  run: async ({ services }) => {
    const network = await services.cloud.createNetwork({
      name: garden.name,
      cidr: garden.networks.nodes,
      tags: managedTags,
    })
    const existing = await services.cloud.listLoadBalancers({ name: garden.name })
    const targets = existing.find(({ name }) => name === garden.name)?.targets ?? []
    const { address } = await setGardenLoadBalancer(services, network.id, targets)
    return { address, network: network.id }
  },
}

/** Sends the garden's public address to `targets`. */
export function setGardenLoadBalancer(
  services: UpServices,
  network: string,
  targets: readonly string[],
): Promise<LoadBalancer> {
  return services.cloud.setLoadBalancer(garden.name, {
    network,
    listeners: [{ name: 'api', protocol: 'TCP', port: garden.apiPort, targetPort: garden.apiPort }],
    targets,
    tags: managedTags,
  })
}
