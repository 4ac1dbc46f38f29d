import type { KubernetesObject } from '@trellis/api/meta'
import { volumeProvisioner } from '../controllers/volumes.ts'

/** An object and where it is applied. */
export interface AppliedObject {
  readonly path: string
  readonly object: KubernetesObject & Readonly<Record<string, unknown>>
}

/**
 * Objects of a fresh one-node cluster. The two bindings are those of kubeadm's bootstrap-token phase that a cluster without bootstrap tokens still needs:
 * kubelets may renew their certificates, and the API server may call kubelets.
 */
export function clusterObjects(storageClassName: string): readonly AppliedObject[] {
  return [
    storageClass(storageClassName),
    binding(
      'kubeadm:node-autoapprove-certificate-rotation',
      'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
      { kind: 'Group', name: 'system:nodes' },
    ),
    binding('kubeadm:apiserver-kubelet-client', 'system:kubelet-api-admin', {
      kind: 'User',
      name: 'kube-apiserver-kubelet-client',
    }),
  ]
}

function storageClass(name: string): AppliedObject {
  return {
    path: `/apis/storage.k8s.io/v1/storageclasses/${name}`,
    object: {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: volumeProvisioner,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'Immediate',
    },
  }
}

function binding(name: string, role: string, subject: { readonly kind: string; readonly name: string }): AppliedObject {
  return {
    path: `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${name}`,
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', ...subject }],
    },
  }
}
