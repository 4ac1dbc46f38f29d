import { Failure } from '@trellis/foundation/failure'
import { blockDeviceMappings } from './block-devices.ts'
import { launchOptions } from './launch-options.ts'
import { networkInterfaceSpecifications } from './network-interfaces.ts'
import type { AwsProviderSpec } from './provider-spec.ts'
import type { RunRequest, TagSpecification } from './run-request-types.ts'
import { partTags, serverTags, type Tags } from './server-tags.ts'

/** Longest user data that EC2 takes, in bytes before they are encoded. */
const longestUserData = 16 * 1024

/** What a server is made of beside its class. */
export interface RunWish {
  readonly machineName: string
  readonly userData: string
  readonly rootDeviceName: string
  readonly clientToken: string
}

/** The request for one server. Throws `Invalid` when the user data is too long. */
export function runRequest(spec: AwsProviderSpec, wish: RunWish): RunRequest {
  const { ami, machineType, keyName, ebsOptimized, monitoring, iam } = spec
  return {
    ClientToken: wish.clientToken,
    ImageId: ami,
    InstanceType: machineType,
    UserData: encodeUserData(wish.userData),
    IamInstanceProfile: iam.arn === undefined ? { Name: iam.name ?? '' } : { Arn: iam.arn },
    BlockDeviceMappings: [...blockDeviceMappings(spec.blockDevices, wish.rootDeviceName)],
    NetworkInterfaces: [...networkInterfaceSpecifications(spec.networkInterfaces)],
    TagSpecifications: tagSpecifications(spec, wish.machineName),
    ...(keyName === undefined ? {} : { KeyName: keyName }),
    ...(ebsOptimized === true ? { EbsOptimized: true } : {}),
    ...(monitoring === true ? { Monitoring: { Enabled: true } } : {}),
    ...launchOptions(spec),
  }
}

function encodeUserData(userData: string): string {
  const bytes = Buffer.from(userData)
  if (bytes.length <= longestUserData) return bytes.toString('base64')
  throw new Failure('Invalid', `the user data is ${bytes.length} bytes long, and EC2 takes ${longestUserData}`, {
    field: 'secretRef.data.userData',
    remedy: 'shorten it, or let it fetch what it needs',
  })
}

function tagSpecifications(spec: AwsProviderSpec, machineName: string): TagSpecification[] {
  const parts = partTags(machineName, spec)
  return [
    { ResourceType: 'instance', Tags: tagList(serverTags(machineName, spec)) },
    { ResourceType: 'volume', Tags: tagList(parts.volume) },
    { ResourceType: 'network-interface', Tags: tagList(parts['network-interface']) },
  ]
}

/** Tags as EC2 writes them. */
export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}
