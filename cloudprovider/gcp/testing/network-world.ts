import type { CloudNetwork } from '@trellis/cloudprovider/contract/cloud-network'
import type { Clock } from '@trellis/foundation/clock'
import { createGoogleCloudNetwork } from '../src/cloud-network.ts'
import { ownLabels } from '../src/ownership.ts'
import { classFor } from './classes.ts'
import { type GoogleCloud, startGoogleCloud } from './google-cloud.ts'
import type { Thing } from './list-query.ts'

/** Two clusters in one project and one network. */
export interface GoogleNetworkWorld extends AsyncDisposable {
  readonly cloud: GoogleCloud
  readonly network: CloudNetwork
  readonly foreign: CloudNetwork
  /** Makes a server of the cluster; its name. */
  addNode(name: string): Promise<string>
  removeNode(name: string): Promise<void>
  /** Routes of the project. */
  routes(): readonly Thing[]
}

/** Makes the world in an emulated cloud. */
export async function createGoogleNetworkWorld(clock: Clock): Promise<GoogleNetworkWorld> {
  const cloud = await startGoogleCloud(clock)
  const { world, project } = cloud
  const networks = `${project}/global/networks`
  for (const name of ['shared', 'other']) world.put(networks, name, world.fresh('network', networks, name))
  const { zone, tags } = classFor('one')
  const instances = `${project}/zones/${zone}/instances`
  const open = (clusterName: string) =>
    createGoogleCloudNetwork({
      clock,
      secret: cloud.identity.secret,
      clusterName,
      network: 'shared',
      endpoint: cloud.endpoint,
    })
  return {
    cloud,
    network: open('one'),
    foreign: open('one-b'),
    addNode: async (name) => {
      world.put(instances, name, {
        ...world.fresh('instance', instances, name),
        status: 'RUNNING',
        zone: world.link(instances, '').replace(/\/instances\/$/, ''),
        labels: ownLabels(tags),
        tags: { items: tags },
        networkInterfaces: [],
      })
      return name
    },
    removeNode: async (name) => world.remove(instances, name),
    routes: () => world.all(`${project}/global/routes`),
    [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose](),
  }
}
