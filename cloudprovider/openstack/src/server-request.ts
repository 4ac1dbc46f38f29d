import { Failure } from '@trellis/foundation/failure'
import type { ServerWish } from './client.ts'
import { ownershipMarks } from './ownership.ts'
import type { Attachment } from './ports.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'

/** What a server is made of, with names looked up. */
export interface ServerParts {
  readonly machineName: string
  readonly spec: OpenStackProviderSpec
  readonly userData: string
  readonly flavor: string
  readonly image: string
  readonly networks: readonly Attachment[]
}

/** Nova takes at most this many bytes of user-data, in base64. */
export const longestUserData = 65_535

/** Nova takes the type of a volume that it makes from here on (2018). */
const volumeTypeVersion = '2.67'

/** User-data as Nova takes it. Throws `Invalid` when it is too long. */
export function encodeUserData(userData: string): string {
  const encoded = Buffer.from(userData).toString('base64')
  if (encoded.length <= longestUserData) return encoded
  throw new Failure('Invalid', `user-data is ${encoded.length} bytes long in base64; Nova takes ${longestUserData}`, {
    field: 'secretRef.data.userData',
    remedy: 'compress the larger files in it, or let the machine fetch them',
  })
}

/** The request for a server. Nova makes the root volume itself, where one is asked for, and removes it with the server. */
export function serverRequest(parts: ServerParts): ServerWish {
  const { machineName, spec, userData, flavor, image, networks } = parts
  const byNova = networks.some((network) => 'uuid' in network)
  const server = {
    name: machineName,
    flavorRef: flavor,
    key_name: spec.keyName,
    availability_zone: spec.availabilityZone,
    user_data: encodeUserData(userData),
    metadata: spec.tags,
    tags: ownershipMarks(spec.owned),
    networks,
    ...(spec.useConfigDrive === undefined ? {} : { config_drive: spec.useConfigDrive }),
    // Ports that are there have their groups already.
    ...(byNova && spec.securityGroups.length > 0
      ? { security_groups: spec.securityGroups.map((name) => ({ name })) }
      : {}),
    ...rootDisk(spec, image),
  }
  return {
    server,
    ...(spec.serverGroupId === undefined ? {} : { hints: { group: spec.serverGroupId } }),
    ...(spec.rootDiskSize > 0 && spec.rootDiskType !== undefined ? { microversion: volumeTypeVersion } : {}),
  }
}

function rootDisk({ rootDiskSize, rootDiskType }: OpenStackProviderSpec, image: string): object {
  if (rootDiskSize === 0) return { imageRef: image }
  const volume = {
    boot_index: 0,
    uuid: image,
    source_type: 'image',
    destination_type: 'volume',
    volume_size: rootDiskSize,
    delete_on_termination: true,
    ...(rootDiskType === undefined ? {} : { volume_type: rootDiskType }),
  }
  return { block_device_mapping_v2: [volume] }
}
