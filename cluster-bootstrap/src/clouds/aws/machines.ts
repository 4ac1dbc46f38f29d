import { clusterTagPrefix, roleTagPrefix } from '@trellis/cloudprovider/contract/tags'
import { InvariantError } from '@trellis/foundation/failure'
import type { PoolBlueprint } from '../../shoot/blueprint.ts'
import type { CloudMachines, MachinePlace } from '../cloud.ts'
import { need } from '../outputs.ts'
import { gibibytesOf } from '../settings.ts'
import { awsProfile, findAmi } from './profile.ts'
import { type AwsWorkerConfig, dataDeviceName, defaultVolumeType } from './settings.ts'

/** The machines of a pool in a zone; fields of the provider spec are the driver's. */
export function awsMachines({ blueprint, pool, zone, outputs }: MachinePlace): CloudMachines {
  const { region, technicalId, providerConfig } = blueprint
  const config = configOf(pool)
  const ami = findAmi(awsProfile(providerConfig), pool, region)
  if (ami === undefined) throw new InvariantError(`pool ${pool.name} passed validation without an image`)
  const { cpuOptions, capacityReservation, instanceMarketOptions, ebsOptimized, monitoring } = config
  return {
    providerSpec: {
      ami,
      region,
      machineType: pool.machineType.name,
      ...optional({ keyName: outputs.keyName }),
      iam: config.iamInstanceProfile ?? { name: need(outputs, 'instanceProfile') },
      networkInterfaces: [
        {
          subnetID: need(outputs, `subnet/${zone.zone}`),
          securityGroupIDs: [need(outputs, 'securityGroup')],
        },
      ],
      blockDevices: blockDevices(pool),
      // Packets from and to pods bear addresses that are not the machine's.
      srcAndDstChecksEnabled: false,
      instanceMetadataOptions: {
        httpTokens: 'required',
        httpPutResponseHopLimit: 1,
        ...config.instanceMetadataOptions,
      },
      tags: { [`${clusterTagPrefix}${technicalId}`]: '1', [`${roleTagPrefix}node`]: '1' },
      ...optional({ cpuOptions, capacityReservation, instanceMarketOptions, ebsOptimized, monitoring }),
    },
    providerId: `aws:///${region}/{instanceId}`,
    // The driver calls a node by the server's private DNS name, and so does what else knows AWS.
    nodeName: '{localHostname}',
  }
}

function configOf({ worker }: PoolBlueprint): AwsWorkerConfig {
  return (worker.providerConfig ?? {}) as AwsWorkerConfig
}

interface Volume {
  readonly size: string
  readonly type?: string
  readonly encrypted?: boolean
}

function blockDevices(pool: PoolBlueprint): readonly object[] {
  const { volume, dataVolumes = [] } = pool.worker
  const config = configOf(pool)
  if (volume === undefined) throw new InvariantError(`pool ${pool.name} passed validation without a volume`)
  const root = { ebs: ebs(volume, config.volume) }
  if (dataVolumes.length === 0) return [root]
  return [
    { deviceName: '/root', ...root },
    ...dataVolumes.map((one, index) => {
      const { name: _, ...more } = config.dataVolumes?.find(({ name }) => name === one.name) ?? { name: '' }
      return { deviceName: dataDeviceName(index), ebs: ebs(one, more) }
    }),
  ]
}

function ebs({ size, type, encrypted }: Volume, more: object | undefined): object {
  return {
    volumeSize: gibibytesOf(size),
    volumeType: type ?? defaultVolumeType,
    encrypted: encrypted ?? true,
    deleteOnTermination: true,
    ...more,
  }
}

function optional(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
