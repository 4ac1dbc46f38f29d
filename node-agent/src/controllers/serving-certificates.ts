import type { KubernetesObject } from '@trellis/api/meta'
import { isFailure } from '@trellis/foundation/failure'
import type { AgentContext } from '../context.ts'
import { follow } from '../follow.ts'
import { nodeNameOf } from '../node-name.ts'

/** The part of a CertificateSigningRequest that the agent looks at. */
export interface SigningRequest extends KubernetesObject {
  spec: { signerName: string; username?: string; groups?: string[]; usages?: string[] }
  status?: { conditions?: { type: string }[]; certificate?: string }
}

const servingSigner = 'kubernetes.io/kubelet-serving'
const servingUsages = new Set(['digital signature', 'key encipherment', 'server auth'])

/**
 * Whether this request is one for a serving certificate by the kubelet of this very machine that nobody has decided yet. Whoever holds that kubelet's key is
 * root here and could as well take the cluster's own keys, so the names in the request need no further proof.
 */
export function isOwnServingRequest(request: SigningRequest, nodeName: string): boolean {
  const { signerName, username, usages = [] } = request.spec
  return (
    signerName === servingSigner &&
    username === `system:node:${nodeName}` &&
    usages.includes('server auth') &&
    usages.every((usage) => servingUsages.has(usage)) &&
    (request.status?.conditions ?? []).length === 0
  )
}

/** Approves the serving certificates of this machine's own kubelet, now and at each renewal, until the signal aborts. */
export async function approveServingCertificates(
  { clock, client, configuration, facts, log }: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
  const onTrouble = (error: unknown) => log.warn({ error }, 'cannot follow certificate signing requests')
  const approve = async (request: SigningRequest) => {
    const condition = {
      type: 'Approved',
      status: 'True',
      reason: 'OwnKubelet',
      message: "Requested by the kubelet of the control plane's own machine.",
    }
    await client.call({
      method: 'PUT',
      path: `${path}/${request.metadata.name}/approval`,
      body: { ...request, status: { ...request.status, conditions: [condition] } },
      signal,
    })
    log.info({ request: request.metadata.name }, 'approved a serving certificate')
  }
  await follow<SigningRequest>(
    path,
    { fieldSelector: `spec.signerName=${servingSigner}` },
    (request) => {
      if (!isOwnServingRequest(request, nodeNameOf(configuration, facts))) return
      approve(request).catch((error: unknown) => {
        if (!isFailure(error, 'Conflict', 'NotFound')) onTrouble(error)
      })
    },
    { clock, client, signal, onTrouble },
  )
}
