import { configMaps, secrets } from '@trellis/api/core/configuration'
import { type Node, nodes } from '@trellis/api/core/node'
import { joinReportName, joinReportNamespace } from '@trellis/api/join-report'
import { isFailure } from '@trellis/foundation/failure'
import { tokenNamespace, tokenSecretName } from './bootstrap-token.ts'
import type { MachineContext, TargetContext } from './context.ts'
import type { LeavingMemory } from './machine-memory.ts'
import { releasePatch } from './node-template.ts'
import { nodeNameOf, wasNode } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { tokenIdOf } from './observe.ts'
import { patchNode } from './write-node.ts'

/** A cluster that is gone for good must not hold its machines, one that hiccups must not keep what they leave. */
const mostFailures = 5
const patienceMilliseconds = 60_000

/** Whether what a machine leaves in its cluster is given up. */
export function isCleanUpHopeless(
  { cleanUpFailures, cleanUpFailedSince }: Pick<LeavingMemory, 'cleanUpFailures' | 'cleanUpFailedSince'>,
  now: number,
): boolean {
  return cleanUpFailures >= mostFailures && now - (cleanUpFailedSince ?? now) >= patienceMilliseconds
}

/**
 * Deletes what a machine leaves in the cluster that it joined: its report, its token, its Node. What the informers do not show is deleted all the same
 * where they cannot know: because this process has only just started, or because the machine was never seen as a node.
 */
export async function cleanUp(context: MachineContext, observed: MachineObservation): Promise<void> {
  const { machine, tokenSecret, node, target } = observed
  if (context.target === undefined) return
  const { client, reports, tokens } = context.target
  const reportKey = { namespace: joinReportNamespace, name: joinReportName(machine.metadata.name) }
  const tokenKey = { namespace: tokenNamespace, name: tokenSecretName(tokenIdOf(context, machine)) }
  const neverSeen = !wasNode(machine)
  // A cloud may still hide the server of a process that was lost before it wrote down the name.
  const launched = nodeNameOf(machine) !== undefined
  const name = nodeNameOf(machine) ?? machine.metadata.name
  // Also a report that cannot be read.
  if (reports.get(reportKey) !== undefined || (!reports.hasSynced() && launched))
    await client.delete(configMaps, reportKey)
  if (tokenSecret !== undefined || !tokens.hasSynced() || (neverSeen && launched))
    await client.delete(secrets, tokenKey)
  // A kubelet may have registered its Node just before its server was deleted, later than the informer could tell.
  if (node === undefined && (target.kind === 'unknown' || neverSeen)) {
    const found = await client.find(nodes, { name })
    if (found !== undefined) await releaseNode(context.target, found)
  }
}

/** Lets go of a Node, and deletes it unless somebody else has already. */
export async function releaseNode(target: TargetContext, node: Node): Promise<void> {
  const { name, uid, deletionTimestamp } = node.metadata
  const patch = releasePatch(node)
  try {
    if (patch !== undefined) await patchNode(target, name, patch)
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
  if (deletionTimestamp === undefined) await target.client.delete(nodes, { name }, uid === undefined ? {} : { uid })
}
