import { instantText } from '@trellis/api/conditions'
import { keyOf } from '@trellis/api/meta'
import { type AskedCertificate, parseCertificateRequest } from '@trellis/certificates/certificate-request'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { again, blocked, type Controller, createController, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import { type CertificateSigningRequest, certificateSigningRequests } from './certificate-signing-request.ts'
import {
  askingNode,
  decideServingCertificate,
  type KnownServer,
  type ServingVerdict,
} from './decide-serving-certificate.ts'

/** What approving needs. */
export interface ApproverOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The shoot. */
  readonly client: Client
  readonly requests: Informer<CertificateSigningRequest>
  /** Looks a node's server up at the cloud; undefined when there is none of that name in the shoot's network. */
  readonly findServer: (node: string, signal: AbortSignal) => Promise<KnownServer | undefined>
}

/** A server may be asked for before the list of the cloud shows it. */
const lookAgainMilliseconds = 2000

/** Answers the requests of kubelets for serving certificates: approves honest ones, denies others, leaves every other signer's alone. */
export function createKubeletServingApprover(options: ApproverOptions): Controller {
  const { clock, random, log, requests } = options
  const controller = createController({
    clock,
    random,
    log,
    name: 'kubelet-serving-approver',
    concurrency: 4,
    reconcile: (name, signal) => answer(options, name, signal),
  })
  requests.onChange(({ key, after }) => {
    if (after !== undefined && askingNode(after) !== undefined) controller.enqueue(key.name)
  })
  return controller
}

async function answer(options: ApproverOptions, name: string, signal: AbortSignal): Promise<Outcome> {
  const request = options.requests.get({ name })
  const node = request === undefined ? undefined : askingNode(request)
  if (request === undefined || node === undefined) return done
  const asked = await readRequest(request)
  if (asked === undefined) return blocked('the request cannot be read')
  const server = await options.findServer(node, signal)
  const verdict = decideServingCertificate(request, node, asked, server)
  if (verdict.kind === 'wait') return again(lookAgainMilliseconds)
  await write(options, request, verdict)
  options.log.info({ request: name, node, verdict: verdict.kind }, 'answered a request for a serving certificate')
  return done
}

async function readRequest(request: CertificateSigningRequest): Promise<AskedCertificate | undefined> {
  try {
    return await parseCertificateRequest(Buffer.from(request.spec.request, 'base64').toString())
  } catch (error) {
    if (isFailure(error, 'Invalid')) return undefined
    throw error
  }
}

async function write(
  { clock, client }: ApproverOptions,
  request: CertificateSigningRequest,
  verdict: Exclude<ServingVerdict, { readonly kind: 'wait' }>,
): Promise<void> {
  const now = instantText(clock.now())
  const condition = {
    type: verdict.kind === 'approve' ? 'Approved' : 'Denied',
    status: 'True',
    reason: verdict.kind === 'approve' ? 'NodeServerKnown' : 'NotOfItsNode',
    message: verdict.kind === 'approve' ? 'The names are those of the node and its server.' : verdict.reason,
    lastUpdateTime: now,
  }
  const conditions = [...(request.status?.conditions ?? []), condition]
  const { resourceVersion } = request.metadata
  const patch = { metadata: { resourceVersion }, status: { conditions } }
  await client.patch(certificateSigningRequests, keyOf(request), patch, { subresource: 'approval' })
}
