import { InvariantError } from '@trellis/foundation/failure'
import type { PoolBlueprint } from '../../shoot/blueprint.ts'
import type { CloudMachines, MachinePlace } from '../cloud.ts'
import { need } from '../outputs.ts'
import { gibibytesOf } from '../settings.ts'
import { findDiskImage, gcpProfile } from './profile.ts'
import { type GcpWorkerConfig, localDiskType } from './settings.ts'

/** The machines of a pool in a zone; fields of the provider spec are the driver's. */
export function gcpMachines({ blueprint, pool, zone, outputs }: MachinePlace): CloudMachines {
  const { region, technicalId } = blueprint
  const { gpu, minCpuPlatform, serviceAccount } = configOf(pool)
  const account = outputs.serviceAccountEmail
  const machineAccount = serviceAccount ?? (account === undefined ? undefined : ownAccount(account))
  return {
    providerSpec: {
      region,
      zone: zone.zone,
      machineType: pool.machineType.name,
      // Packets from and to pods bear addresses that are not the machine's.
      canIpForward: true,
      deletionProtection: false,
      description: `Machine of Shoot ${blueprint.name}`,
      disks: disksOf(blueprint.providerConfig, pool),
      labels: { name: technicalId },
      networkInterfaces: [
        { network: need(outputs, 'network'), subnetwork: need(outputs, 'subnetwork'), disableExternalIP: true },
      ],
      scheduling: {
        automaticRestart: true,
        // Machines with graphics processors cannot be moved while they run.
        onHostMaintenance: gpu === undefined ? 'MIGRATE' : 'TERMINATE',
        preemptible: false,
      },
      serviceAccounts: machineAccount === undefined ? [] : [machineAccount],
      tags: [technicalId, `kubernetes-io-cluster-${technicalId}`, 'kubernetes-io-role-node'],
      ...(gpu === undefined ? {} : { gpu }),
      ...(minCpuPlatform === undefined ? {} : { minCpuPlatform }),
    },
    // The metadata tells machines a number, the driver's identifier has the name.
    providerId: `gce:///${need(outputs, 'project')}/${zone.zone}/{machineName}`,
  }
}

function configOf({ worker }: PoolBlueprint): GcpWorkerConfig {
  return (worker.providerConfig ?? {}) as GcpWorkerConfig
}

function ownAccount(email: string): { readonly email: string; readonly scopes: readonly string[] } {
  return { email, scopes: ['https://www.googleapis.com/auth/compute'] }
}

function disksOf(providerConfig: unknown, pool: PoolBlueprint): readonly object[] {
  const { volume, dataVolumes = [] } = pool.worker
  const { volume: more, dataVolumes: speeds = [] } = configOf(pool)
  const image = findDiskImage(gcpProfile(providerConfig), pool)
  if (image === undefined || volume === undefined) {
    throw new InvariantError(`pool ${pool.name} passed validation without an image or a volume`)
  }
  const encryption = more?.encryption === undefined ? {} : { encryption: more.encryption }
  const disk = ({ type, size }: { readonly type?: string; readonly size: string }) => ({
    autoDelete: true,
    sizeGb: gibibytesOf(size),
    ...(type === undefined ? {} : { type }),
  })
  return [
    { ...disk(volume), boot: true, image, ...encryption },
    ...dataVolumes.map((one) => {
      if (one.type === localDiskType) return { ...disk(one), boot: false, interface: more?.interface }
      const { name: _, ...speed } = speeds.find(({ name }) => name === one.name) ?? { name: '' }
      return { ...disk(one), boot: false, ...encryption, ...speed }
    }),
  ]
}
