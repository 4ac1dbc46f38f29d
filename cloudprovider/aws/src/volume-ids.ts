import type { VolumeIdsRequest } from '@trellis/cloudprovider/contract/driver'

/** EC2's ids of the volumes that are its own: those of its CSI driver, and those that Kubernetes used to make by itself. Persistent volumes may be given whole, or by their specs. */
export function volumeIds({ volumes }: VolumeIdsRequest): readonly string[] {
  return volumes.flatMap((volume) => {
    const spec = fieldsOf(volume.spec ?? volume)
    const { driver, volumeHandle } = fieldsOf(spec.csi)
    if (driver === 'ebs.csi.aws.com') return idOf(volumeHandle)
    return idOf(fieldsOf(spec.awsElasticBlockStore).volumeID)
  })
}

/** `vol-1`, or `aws://zone/vol-1` as older volumes have it. */
function idOf(handle: unknown): readonly string[] {
  const id = typeof handle === 'string' ? handle.split('/').at(-1) : undefined
  return id === undefined || id === '' ? [] : [id]
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
