import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
} from '@trellis/api/core/storage'
import { type StatefulSet, statefulSets } from '@trellis/api/core/workload'
import type { Client } from '@trellis/kubernetes/client'

/** The driver of the volumes. */
export const volumeDriver = 'disks.test'

/** Makes a set of pods with a volume each, and the volumes. Returns their names. */
export async function createStatefulSet(
  client: Client,
  namespace: string,
  { name, replicas }: { readonly name: string; readonly replicas: number },
): Promise<readonly string[]> {
  const ordinals = Array.from({ length: replicas }, (_, ordinal) => ordinal)
  const volumes = ordinals.map((ordinal) => `${namespace}-${name}-${ordinal}`)
  for (const [ordinal, volume] of volumes.entries()) {
    const claim = `data-${name}-${ordinal}`
    await client.create(persistentVolumes, volumeFor(volume, { namespace, name: claim }))
    await client.create(persistentVolumeClaims, claimFor(namespace, claim, volume))
  }
  await client.create(statefulSets, setOf(namespace, name, replicas))
  return volumes
}

function setOf(namespace: string, name: string, replicas: number): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 30,
          containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        },
      },
      volumeClaimTemplates: [
        { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', ...storage } },
      ],
    },
  }
}

const storage = { resources: { requests: { storage: '1Gi' } } }

function volumeFor(name: string, claimRef: { readonly namespace: string; readonly name: string }): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claimRef },
      storageClassName: '',
      persistentVolumeReclaimPolicy: 'Retain',
      csi: { driver: volumeDriver, volumeHandle: `disk-${name}` },
    },
  }
}

function claimFor(namespace: string, name: string, volumeName: string): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeName, ...storage },
  }
}
