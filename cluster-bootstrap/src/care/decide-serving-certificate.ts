import type { AskedCertificate } from '@trellis/certificates/certificate-request'
import type { CertificateSigningRequest } from './certificate-signing-request.ts'

/** Signer of the certificates with which kubelets serve. */
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving'

const nodePrefix = 'system:node:'
const nodesGroup = 'system:nodes'
const allowedUsages = ['digital signature', 'key encipherment', 'server auth']

/** What is known about the server behind a node, from the cloud: nothing that the node itself says counts. */
export interface KnownServer {
  readonly addresses: readonly string[]
}

/** What becomes of a request. */
export type ServingVerdict =
  | { readonly kind: 'approve' }
  | { readonly kind: 'deny'; readonly reason: string }
  /** The server is not known (yet). */
  | { readonly kind: 'wait'; readonly reason: string }

/** Name of the node that asks; undefined when the request is not one of a kubelet for a serving certificate, or is decided already. */
export function askingNode({ spec, status }: CertificateSigningRequest): string | undefined {
  if (spec.signerName !== kubeletServingSigner) return undefined
  if (status?.conditions?.some((one) => one.type === 'Approved' || one.type === 'Denied' || one.type === 'Failed')) {
    return undefined
  }
  const { username = '', groups = [] } = spec
  if (!username.startsWith(nodePrefix) || !groups.includes(nodesGroup)) return undefined
  return username.slice(nodePrefix.length)
}

/** Decides about a request: it may name its own node and addresses that the cloud gave to that node's server, and nothing else. */
export function decideServingCertificate(
  request: CertificateSigningRequest,
  node: string,
  asked: AskedCertificate,
  server: KnownServer | undefined,
): ServingVerdict {
  const problem = subjectProblem(node, asked) ?? usageProblem(request.spec.usages ?? []) ?? nameProblem(node, asked)
  if (problem !== undefined) return { kind: 'deny', reason: problem }
  if (server === undefined) return { kind: 'wait', reason: `the cloud knows no server ${node}` }
  const foreign = asked.ipAddresses.find((address) => !server.addresses.includes(address))
  if (foreign !== undefined) return { kind: 'deny', reason: `${foreign} is no address of server ${node}` }
  return { kind: 'approve' }
}

function subjectProblem(node: string, { commonNames, organizations, otherSubjectParts }: AskedCertificate) {
  if (commonNames.length !== 1 || commonNames[0] !== `${nodePrefix}${node}`)
    return 'the common name is not that of the node'
  if (organizations.length !== 1 || organizations[0] !== nodesGroup) return `the organization is not ${nodesGroup}`
  return otherSubjectParts.length > 0 ? 'the subject says more than who the node is' : undefined
}

function usageProblem(usages: readonly string[]): string | undefined {
  const foreign = usages.find((usage) => !allowedUsages.includes(usage))
  if (foreign !== undefined) return `usage ${foreign} is not for serving`
  return usages.includes('server auth') ? undefined : 'usage server auth is missing'
}

function nameProblem(node: string, { dnsNames, ipAddresses, otherNames }: AskedCertificate): string | undefined {
  if (otherNames.length > 0) return 'there are names that are neither DNS names nor addresses'
  if (dnsNames.length + ipAddresses.length === 0) return 'there is no name to serve under'
  const foreign = dnsNames.find((name) => name !== node)
  return foreign === undefined ? undefined : `${foreign} is not the name of the node`
}
