import { InvariantError } from '@trellis/foundation/failure'
import type { CloudMachines, MachinePlace } from '../cloud.ts'
import { need } from '../outputs.ts'
import { gibibytesOf } from '../settings.ts'
import { findServerImage, openstackProfile } from './profile.ts'
import type { OpenstackWorkerConfig } from './settings.ts'

/** The machines of a pool in a zone; fields of the provider spec are the driver's. */
export function openstackMachines({ blueprint, pool, zone, outputs }: MachinePlace): CloudMachines {
  const { region, technicalId, networks } = blueprint
  const { volume, providerConfig } = pool.worker
  const image = findServerImage(openstackProfile(blueprint.providerConfig), pool, region)
  if (image === undefined) throw new InvariantError(`pool ${pool.name} passed validation without an image`)
  const { machineLabels = [] } = (providerConfig ?? {}) as OpenstackWorkerConfig
  return {
    providerSpec: {
      apiVersion: 'openstack.machine.gardener.cloud/v1alpha1',
      kind: 'MachineProviderConfig',
      spec: {
        ...image,
        region,
        availabilityZone: zone.zone,
        flavorName: pool.machineType.name,
        keyName: need(outputs, 'keyName'),
        networkID: need(outputs, 'network'),
        subnetIDs: [need(outputs, 'subnet')],
        // Ports let through what comes from pods, too.
        podNetworkCIDRs: [networks.pods],
        securityGroups: [need(outputs, 'securityGroup')],
        ...(volume === undefined ? {} : { rootDiskSize: gibibytesOf(volume.size) }),
        ...(volume?.type === undefined ? {} : { rootDiskType: volume.type }),
        tags: {
          ...Object.fromEntries(machineLabels.map(({ name, value }) => [name, value])),
          [`kubernetes.io-cluster-${technicalId}`]: '1',
          'kubernetes.io-role-node': '1',
        },
      },
    },
    providerId: `openstack:///${region}/{instanceId}`,
  }
}
