import type { AgentContext } from '../context.ts'
import { approveServingCertificates } from '../controllers/serving-certificates.ts'
import { provideVolumes, volumeProvisioner } from '../controllers/volumes.ts'
import type { Step } from '../runner.ts'

/** Gives the one-node cluster what others get from their provider: volumes on the machine's disk, and approval of the kubelet's serving certificate. */
export function serveCluster(context: AgentContext): Step {
  const { background, client, configuration } = context
  let serving = false
  return {
    name: 'serve-cluster',
    after: ['create-cluster'],
    run: async (signal) => {
      const name = configuration.controlPlane?.defaultStorageClass ?? 'default'
      await client.call({
        method: 'PATCH',
        path: `/apis/storage.k8s.io/v1/storageclasses/${name}?fieldManager=trellis-node-agent&force=true`,
        contentType: 'application/apply-patch+yaml',
        body: storageClass(name),
        signal,
      })
      if (serving) return
      serving = true
      background('serving-certificates', (ending) => approveServingCertificates(context, ending))
      background('volumes', (ending) => provideVolumes(context, ending))
    },
  }
}

/** The storage class of volumes on the machine's disk. */
export function storageClass(name: string): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: volumeProvisioner,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  }
}
