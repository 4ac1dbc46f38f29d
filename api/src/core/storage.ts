import type { KubernetesObject, LabelSelector, Resource } from '../meta.ts'
import { type CoreCondition, coreResource, type ObjectReference, type Quantities } from './common.ts'

/** A request for storage. */
export interface PersistentVolumeClaim extends KubernetesObject {
  spec?: {
    accessModes?: string[]
    resources?: { requests?: Quantities; limits?: Quantities }
    selector?: LabelSelector
    storageClassName?: string
    volumeMode?: string
    volumeName?: string
  }
  status?: { phase?: string; accessModes?: string[]; capacity?: Quantities; conditions?: CoreCondition[] }
}

/** A piece of storage. */
export interface PersistentVolume extends KubernetesObject {
  spec?: {
    accessModes?: string[]
    capacity?: Quantities
    claimRef?: ObjectReference
    storageClassName?: string
    volumeMode?: string
    persistentVolumeReclaimPolicy?: string
    csi?: { driver: string; volumeHandle: string; volumeAttributes?: Record<string, string> }
    hostPath?: { path: string; type?: string }
    local?: { path: string }
    nodeAffinity?: Record<string, unknown>
  }
  status?: { phase?: string; reason?: string; message?: string }
}

/** A volume that is, or is to be, attached to a node. */
export interface VolumeAttachment extends KubernetesObject {
  spec: { attacher: string; nodeName: string; source: { persistentVolumeName?: string } }
  status?: { attached: boolean; attachError?: { message?: string }; detachError?: { message?: string } }
}

/** Where persistent volume claims are served. */
export const persistentVolumeClaims: Resource<PersistentVolumeClaim> = coreResource(
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
)
/** Where persistent volumes are served. */
export const persistentVolumes: Resource<PersistentVolume> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
}
/** Where volume attachments are served. */
export const volumeAttachments: Resource<VolumeAttachment> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
}
