import { type Static, Type } from 'typebox'
import type { BlockDeviceMapping } from './run-request-types.ts'
import { flag, oneOf, refuse, strictObject, text, whole } from './spec-schema.ts'

/** Name in a class for the device that the image boots from, whatever the image calls it. */
const rootDevice = '/root'

/** Names that other devices may have. */
const deviceNamePattern = /^\/dev\/(sd[a-z]|xvd[a-c][a-z]?)$/

const volumeTypes = ['gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1', 'standard'] as const
type VolumeType = (typeof volumeTypes)[number]

/** Volume types that must be told their operations a second, and those that may be. */
const needsIops: readonly VolumeType[] = ['io1', 'io2']
const takesIops: readonly VolumeType[] = ['io1', 'io2', 'gp3']

const ebsSchema = strictObject({
  deleteOnTermination: Type.Optional(flag('Whether the volume goes with the server; unless told it does.')),
  encrypted: Type.Optional(flag('Whether the volume is encrypted.')),
  iops: Type.Optional(whole('Operations a second; 0 means unset.', 0)),
  throughput: Type.Optional(whole('Mebibytes a second.', 1)),
  kmsKeyID: Type.Optional(text('Key of the encryption; that of the account unless told.')),
  snapshotID: Type.Optional(text('Snapshot that the volume begins with.')),
  volumeSize: whole('Size in gibibytes.', 1),
  volumeType: oneOf('Type of the volume.', volumeTypes),
})

/** Schema of one block device of a class. */
export const blockDeviceSchema = strictObject({
  deviceName: Type.Optional(Type.String({ description: 'Name of the device; `/root` is the one to boot from.' })),
  ebs: Type.Optional(ebsSchema),
  noDevice: Type.Optional(
    Type.String({ description: 'Not empty: the device of this name that the image has is left out.' }),
  ),
  virtualName: Type.Optional(Type.String({ description: 'Instance store volume, as in `ephemeral0`.' })),
})

/** One block device of a class. */
export type BlockDevice = Static<typeof blockDeviceSchema>

/** Throws `Invalid` for devices that EC2 could never attach. */
export function checkBlockDevices(devices: readonly BlockDevice[]): void {
  const names = devices.map(({ deviceName = '' }) => deviceName)
  devices.forEach((device, index) => {
    const path = `blockDevices[${index}]`
    const name = names[index] ?? ''
    if (devices.length > 1 && name !== rootDevice && !deviceNamePattern.test(name)) {
      throw refuse(`${path}.deviceName`, `"${name}" is no name of a device`, `use ${rootDevice}, /dev/sdX or /dev/xvdX`)
    }
    if (names.indexOf(name) !== index) throw refuse(`${path}.deviceName`, `another device is called "${name}" too`)
    checkVolume(device, path)
  })
  if (devices.length > 1 && !names.includes(rootDevice)) {
    throw refuse('blockDevices', 'no device is the one to boot from', `call one of them ${rootDevice}`)
  }
}

function checkVolume({ ebs, noDevice, virtualName }: BlockDevice, path: string): void {
  if (ebs === undefined) {
    if (isSet(noDevice) || isSet(virtualName)) return
    throw refuse(`${path}.ebs`, 'the device has no volume')
  }
  const { volumeType, iops = 0, throughput, kmsKeyID, encrypted } = ebs
  if (needsIops.includes(volumeType) && iops === 0) {
    throw refuse(`${path}.ebs.iops`, `volumes of type ${volumeType} must be told their operations a second`)
  }
  if (iops > 0 && !takesIops.includes(volumeType)) {
    throw refuse(`${path}.ebs.iops`, `volumes of type ${volumeType} cannot be told their operations a second`)
  }
  if (throughput !== undefined && volumeType !== 'gp3') {
    throw refuse(`${path}.ebs.throughput`, `volumes of type ${volumeType} cannot be told their throughput`)
  }
  if (kmsKeyID !== undefined && encrypted === false) {
    throw refuse(`${path}.ebs.encrypted`, 'a volume with a key is encrypted', 'set it to true, or leave kmsKeyID out')
  }
}

/** Whether the class wants a volume to outlive its server. */
export function keepsVolumes(devices: readonly BlockDevice[]): boolean {
  return devices.some(({ ebs }) => ebs?.deleteOnTermination === false)
}

/** The mappings that are sent; `rootDeviceName` is what the image calls the device that it boots from. */
export function blockDeviceMappings(
  devices: readonly BlockDevice[],
  rootDeviceName: string,
): readonly BlockDeviceMapping[] {
  return devices.map((device) => {
    const { deviceName, ebs, noDevice, virtualName } = device
    const isRoot = devices.length === 1 || deviceName === rootDevice || deviceName === undefined
    return {
      DeviceName: isRoot ? rootDeviceName : deviceName,
      ...(isSet(noDevice) ? { NoDevice: noDevice } : {}),
      ...(isSet(virtualName) ? { VirtualName: virtualName } : {}),
      ...(ebs === undefined || isSet(noDevice) ? {} : { Ebs: volumeOf(ebs) }),
    }
  })
}

function volumeOf(ebs: NonNullable<BlockDevice['ebs']>): NonNullable<BlockDeviceMapping['Ebs']> {
  const { volumeSize, volumeType, iops = 0, throughput, kmsKeyID, snapshotID, encrypted, deleteOnTermination } = ebs
  return {
    VolumeSize: volumeSize,
    VolumeType: volumeType,
    DeleteOnTermination: deleteOnTermination ?? true,
    // A snapshot that is encrypted makes an encrypted volume: saying no would be refused.
    ...(encrypted === true || kmsKeyID !== undefined ? { Encrypted: true } : {}),
    ...(iops > 0 ? { Iops: iops } : {}),
    ...(throughput === undefined ? {} : { Throughput: throughput }),
    ...(kmsKeyID === undefined ? {} : { KmsKeyId: kmsKeyID }),
    ...(snapshotID === undefined ? {} : { SnapshotId: snapshotID }),
  }
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}
