import type { VolumeIdsRequest } from '@trellis/cloudprovider/contract/driver'

/** Name of the storage driver of OpenStack. */
const storageDriver = 'cinder.csi.openstack.org'

/** Cinder's ids of the volumes that are its own, as the storage driver and Kubernetes' former own plugin have them. */
export function volumeIdsOf({ volumes }: VolumeIdsRequest): readonly string[] {
  return volumes.flatMap((spec) => {
    const { csi, cinder } = spec as {
      readonly csi?: { readonly driver?: unknown; readonly volumeHandle?: unknown } | null
      readonly cinder?: { readonly volumeID?: unknown } | null
    }
    const id = csi?.driver === storageDriver ? csi.volumeHandle : cinder?.volumeID
    return typeof id === 'string' && id !== '' ? [id] : []
  })
}
