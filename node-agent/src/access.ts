import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import { Failure } from '@trellis/foundation/failure'
import type { AccessSource } from './api-client.ts'
import type { Disk } from './disk.ts'
import { type Access, readKubeconfig } from './render/kubeconfig.ts'
import { kubeletClientCertificatePath } from './render/kubelet.ts'

/** The administrator's kubeconfig that kubeadm leaves on a control plane. */
export const administratorKubeconfigPath = '/etc/kubernetes/admin.conf'

/** The best credentials of this machine at the time of asking: the kubelet's certificate once it has one, the bootstrap token before; on a control plane the administrator's. */
export function createAccessSource(disk: Disk, configuration: NodeAgentConfiguration): AccessSource {
  const { worker } = configuration
  return async (): Promise<Access> => {
    if (worker === undefined) {
      const kubeconfig = await disk.read(administratorKubeconfigPath)
      if (kubeconfig === undefined) throw new Failure('Unavailable', 'the cluster has not been created yet')
      return readKubeconfig(kubeconfig)
    }
    const server = { server: worker.apiServer, certificateAuthority: worker.caBundle }
    const pem = await disk.read(kubeletClientCertificatePath)
    return pem === undefined ? { ...server, token: worker.bootstrapToken } : { ...server, certificate: pem, key: pem }
  }
}
