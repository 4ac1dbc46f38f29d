import { leases } from '@trellis/api/core/lease'
import { type Node, nodes } from '@trellis/api/core/node'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { microTime } from '@trellis/kubernetes/micro-time'

/** Where kubelets keep the Leases of their Nodes. */
export const nodeLeaseNamespace = 'kube-node-lease'

/** A kubelet renews four times before its Lease runs out. */
const renewalsPerDuration = 4

/** What renewing needs. */
export interface LeaseContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly client: Client
}

/** Whose Lease is renewed, and how. */
export interface LeaseWish {
  readonly nodeName: string
  readonly periodMilliseconds: number
  /** Whether the kubelet still runs. */
  readonly lives: () => boolean
}

/**
 * Makes the Lease of a Node and renews it as its kubelet does, one small patch each period, until the kubelet no longer lives or the signal aborts. A renewal that fails is left out: the
 * next one comes soon. The first periods differ in length, so that thousands of nodes that joined together do not renew at one instant.
 */
export async function renewLease(context: LeaseContext, wish: LeaseWish, signal: AbortSignal): Promise<void> {
  const { clock, random, log } = context
  const { nodeName, periodMilliseconds, lives } = wish
  for (let share = random.fraction(); lives() && !signal.aborted; share = 1) {
    try {
      await renewOnce(context, wish)
    } catch (error) {
      log.debug({ node: nodeName, error: describe(error) }, 'a lease was not renewed')
    }
    await clock.sleep(periodMilliseconds * share, signal)
  }
}

async function renewOnce({ clock, client }: LeaseContext, { nodeName, periodMilliseconds }: LeaseWish): Promise<void> {
  const key = { namespace: nodeLeaseNamespace, name: nodeName }
  const renewTime = microTime(clock.now())
  try {
    await client.patch(leases, key, { spec: { renewTime } }, { type: 'merge' })
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
    const node = await client.find(nodes, { name: nodeName })
    const leaseDurationSeconds = Math.ceil((renewalsPerDuration * periodMilliseconds) / 1000)
    await client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...key, ...(node === undefined ? {} : { ownerReferences: [ownerOf(node)] }) },
      spec: { holderIdentity: nodeName, leaseDurationSeconds, renewTime },
    })
  }
}

/** With it the Lease goes when its Node does. */
function ownerOf({ metadata }: Node) {
  return { apiVersion: 'v1', kind: 'Node', name: metadata.name, uid: metadata.uid ?? '' }
}
