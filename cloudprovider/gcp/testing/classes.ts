import { ownLabels } from '../src/ownership.ts'
import type { GoogleProviderSpec } from '../src/provider-spec.ts'
import type { GoogleCloud } from './google-cloud.ts'

/** A class of a cluster's servers. Clusters other than `one` have a zone of their own: names are unique in a zone. */
export function classFor(cluster: string): GoogleProviderSpec & Record<string, unknown> {
  return {
    region: 'europe-west1',
    zone: cluster === 'one' ? 'europe-west1-b' : 'europe-west1-c',
    machineType: 'n2-standard-2',
    disks: [{ boot: true, sizeGb: 20, type: 'pd-ssd', image: 'projects/debian-cloud/global/images/family/debian-12' }],
    networkInterfaces: [{ subnetwork: 'nodes', disableExternalIP: true }],
    tags: [`kubernetes-io-cluster-${cluster}`, 'kubernetes-io-role-node'],
  }
}

/** Makes the network that such servers are in. */
export function prepareNetwork({ world, project }: GoogleCloud): void {
  const networks = `${project}/global/networks`
  world.put(networks, 'shared', world.fresh('network', networks, 'shared'))
  const subnetworks = `${project}/regions/europe-west1/subnetworks`
  world.put(subnetworks, 'nodes', {
    ...world.fresh('subnetwork', subnetworks, 'nodes'),
    network: world.link(networks, 'shared'),
  })
}

/** Makes a disk that was made for a machine and hangs on no server. */
export function leaveDisk({ world, project }: GoogleCloud, machineName: string, cluster: string): void {
  const { zone, tags } = classFor(cluster)
  const disks = `${project}/zones/${zone}/disks`
  world.put(disks, machineName, {
    ...world.fresh('disk', disks, machineName),
    labels: ownLabels(tags, machineName),
    users: [],
    sizeGb: '20',
  })
}
