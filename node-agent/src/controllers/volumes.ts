import { chmod, mkdir, rm } from 'node:fs/promises'
import type { KubernetesObject } from '@trellis/api/meta'
import { isFailure } from '@trellis/foundation/failure'
import type { AgentContext } from '../context.ts'
import { follow } from '../follow.ts'
import { nodeNameOf } from '../node-name.ts'

/** Name under which storage classes ask for volumes on the machine's disk. */
export const volumeProvisioner = 'trellis.internal/machine-disk'

/** Directory in which each volume is a directory. */
export const volumeDirectory = '/var/lib/trellis/volumes'

const classAnnotation = 'volume.kubernetes.io/storage-provisioner'
const provisionedBy = 'pv.kubernetes.io/provisioned-by'

/** The part of a PersistentVolumeClaim that the agent looks at. */
export interface Claim extends KubernetesObject {
  spec: {
    storageClassName?: string
    volumeName?: string
    volumeMode?: string
    accessModes?: string[]
    resources?: { requests?: { storage?: string } }
  }
  status?: { phase?: string }
}

/** The part of a PersistentVolume that the agent looks at. */
export interface Volume extends KubernetesObject {
  spec: { hostPath?: { path: string }; persistentVolumeReclaimPolicy?: string }
  status?: { phase?: string }
}

/** The volume that this claim waits for; undefined when it waits for nothing, or for somebody else. */
export function volumeFor(claim: Claim, nodeName: string): Volume | undefined {
  const { uid, namespace, name, annotations, deletionTimestamp, resourceVersion } = claim.metadata
  const waits =
    claim.status?.phase !== 'Bound' && (claim.spec.volumeName ?? '') === '' && deletionTimestamp === undefined
  if (!waits || uid === undefined || annotations?.[classAnnotation] !== volumeProvisioner) return undefined
  if (claim.spec.volumeMode === 'Block') return undefined
  const volumeName = `pvc-${uid}`
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName, annotations: { [provisionedBy]: volumeProvisioner } },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: claim.spec.storageClassName ?? '',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      hostPath: { path: `${volumeDirectory}/${volumeName}`, type: 'DirectoryOrCreate' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] },
          ],
        },
      },
    } as Volume['spec'],
  }
}

/** The directory to remove along with a volume that nobody claims any more; undefined when the volume is to stay or is not ours. */
export function directoryToRemove(volume: Volume): string | undefined {
  if (volume.metadata.annotations?.[provisionedBy] !== volumeProvisioner) return undefined
  if (volume.status?.phase !== 'Released' || volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return undefined
  const path = volume.spec.hostPath?.path
  // A volume is an object that others may edit: only a path that we could have written is ever removed.
  return path === `${volumeDirectory}/${volume.metadata.name}` && /^pvc-[0-9a-f-]{36}$/.test(volume.metadata.name)
    ? path
    : undefined
}

/** Makes a directory and a volume for each claim on the machine's disk, and removes both when the claim is gone, until the signal aborts. */
export async function provideVolumes(context: AgentContext, signal: AbortSignal): Promise<void> {
  const { clock, client, configuration, disk, facts, log } = context
  const onTrouble = (error: unknown) => log.warn({ error }, 'cannot provide volumes')
  const options = { clock, client, signal, onTrouble }
  const settle = (work: Promise<void>) => {
    work.catch((error: unknown) => {
      if (!isFailure(error, 'Conflict', 'NotFound')) onTrouble(error)
    })
  }
  const provide = async (volume: Volume) => {
    await mkdir(disk.resolve(volumeDirectory), { recursive: true, mode: 0o700 })
    const directory = disk.resolve(`${volumeDirectory}/${volume.metadata.name}`)
    await mkdir(directory, { recursive: true })
    // Pods of any user write here: Kubernetes gives directories of a host to nobody. The directory above keeps everybody else out.
    await chmod(directory, 0o777)
    await client.call({ method: 'POST', path: '/api/v1/persistentvolumes', body: volume, signal })
    log.info({ volume: volume.metadata.name }, 'provided a volume')
  }
  const remove = async (volume: Volume, directory: string) => {
    await rm(disk.resolve(directory), { recursive: true, force: true })
    await client.call({ method: 'DELETE', path: `/api/v1/persistentvolumes/${volume.metadata.name}`, signal })
    log.info({ volume: volume.metadata.name }, 'removed a volume')
  }
  await Promise.all([
    follow<Claim>(
      '/api/v1/persistentvolumeclaims',
      {},
      (claim) => {
        const volume = volumeFor(claim, nodeNameOf(configuration, facts))
        if (volume !== undefined) settle(provide(volume))
      },
      options,
    ),
    follow<Volume>(
      '/api/v1/persistentvolumes',
      {},
      (volume) => {
        const directory = directoryToRemove(volume)
        if (directory !== undefined) settle(remove(volume, directory))
      },
      options,
    ),
  ])
}
