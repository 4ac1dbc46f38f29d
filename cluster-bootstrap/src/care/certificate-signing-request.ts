import type { KubernetesObject, Resource } from '@trellis/api/meta'

/** A request to a cluster's signers (`certificates.k8s.io/v1`). */
export interface CertificateSigningRequest extends KubernetesObject {
  spec: {
    /** Base64 of a PEM certificate request. */
    request: string
    signerName: string
    usages?: string[]
    username?: string
    groups?: string[]
  }
  status?: {
    certificate?: string
    conditions?: {
      type: string
      status: string
      reason?: string
      message?: string
      lastUpdateTime?: string
      lastTransitionTime?: string
    }[]
  }
}

/** Where certificate signing requests are served. */
export const certificateSigningRequests: Resource<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
}
