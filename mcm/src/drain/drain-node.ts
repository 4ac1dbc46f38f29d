import { type Node, nodes } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { describe } from '@trellis/foundation/failure'
import { releasePatch } from '../machine/node-template.ts'
import { type DrainDecision, decideDrain, describeBlockers, forceWaitMilliseconds } from './decide.ts'
import { type DrainPurpose, forcedBecause, forcedByNodeAt } from './force.ts'
import { mustLeave } from './pods.ts'
import { removePod } from './remove-pod.ts'
import type { DrainSession } from './session.ts'

/** What is to be drained, how long that may take, and for what. */
export interface DrainRequest {
  /** Whom events are about; its labels may force the drain. */
  readonly machine: Machine
  readonly node: Node
  readonly purpose: DrainPurpose
  /** When the drain began: to be taken from something that outlives this process. */
  readonly since: number
  readonly settings: DrainSettings
}

/** How long a drain may take. */
export interface DrainSettings {
  /** After that long it is forced. */
  readonly drainTimeoutMilliseconds: number
  /** Evictions are tried for as long as this many retries of 20 s each would take; then pods are deleted with their grace period. */
  readonly maxEvictRetries: number
}

/** How a drain stands. */
export type DrainProgress =
  | {
      readonly kind: 'draining'
      /** `LookingAtPods` until they are known. */
      readonly reason: 'LookingAtPods' | 'MovingPods' | 'EvictionRefused' | 'Forced'
      /** Who holds it up, for people; bounded, and the same while nothing changes. */
      readonly message: string
      /** When to call again although nothing changed. */
      readonly milliseconds: number
    }
  | {
      readonly kind: 'drained'
      /** Whether anything had to leave the node: for an empty one nothing need be written down. */
      readonly movedPods: boolean
      readonly forced: boolean
      /** Which pods did not go, of a drain that was forced. */
      readonly message: string
    }

/** Evictions are tried for as long as the reference's retries of 20 s each would take. */
const retryPeriodMilliseconds = 20_000
const lookMilliseconds = 30_000

/**
 * Takes the drain of a node as far as it gets, without waiting for anything, and tells how it stands: cordons the node, then asks its pods to
 * go. To be called again whenever the session wakes the caller, the node or the machine changes, or the time it names has passed. Any call
 * may be repeated, also by another process. Throws what an API server throws, unless the drain is forced. Uncordoning is the caller's.
 */
export async function drainNode(session: DrainSession, request: DrainRequest): Promise<DrainProgress> {
  const { clock } = session.context
  beginForce(session, request)
  const forced = session.forcedSince !== undefined
  if (session.forcedSince !== undefined && clock.now() >= session.forcedSince + forceWaitMilliseconds) {
    return { kind: 'drained', movedPods: session.movedPods, forced, message: leftBehind(session) }
  }
  const pods = session.pods()
  if (pods === undefined) {
    return { kind: 'draining', reason: 'LookingAtPods', message: 'looking for pods', milliseconds: lookMilliseconds }
  }
  await cordon(session, request, pods.some(mustLeave))
  const decision = decideDrain(
    { pods, attempts: session.attempts, forcedSince: session.forcedSince, evictUntil: evictUntil(request) },
    clock.now(),
  )
  if (decision.finished) return { kind: 'drained', movedPods: session.movedPods, forced, message: '' }
  return movePods(session, request, decision)
}

/** When pods are no longer evicted but deleted. */
function evictUntil({ since, settings }: DrainRequest): number {
  const { drainTimeoutMilliseconds, maxEvictRetries } = settings
  return since + Math.min(drainTimeoutMilliseconds, maxEvictRetries * retryPeriodMilliseconds)
}

function beginForce(session: DrainSession, request: DrainRequest): void {
  if (session.forcedSince !== undefined) return
  const { clock, events } = session.context
  const because = forcedBecause({ ...request, ...request.settings }, clock.now())
  if (because === undefined) return
  session.forcedSince = clock.now()
  events.warn(request.machine, 'DrainForced', `Pods are deleted without grace: ${because}`)
}

/** Our finalizer keeps a Node until its pods have left. One without pods that is to go is let go of in the same write. */
async function cordon(session: DrainSession, { node, purpose }: DrainRequest, hasPods: boolean): Promise<void> {
  if (node.spec?.unschedulable === true || session.cordoned) return
  const { client, log } = session.context
  const { name } = node.metadata
  try {
    const release = purpose === 'deletion' && !hasPods ? releasePatch(node) : {}
    await client.patch(nodes, { name }, { ...release, spec: { unschedulable: true } }, { type: 'merge' })
  } catch (error) {
    if (session.forcedSince === undefined) throw error
    log.warn({ node: name, error: describe(error) }, 'a node that is given up could not be cordoned')
  }
  session.cordoned = true
}

async function movePods(
  session: DrainSession,
  { since, settings, node }: DrainRequest,
  decision: DrainDecision,
): Promise<DrainProgress> {
  const { attempts, context } = session
  session.movedPods = true
  await Promise.all(
    decision.removals.map(async ({ pod, how }) => {
      const uid = pod.metadata.uid ?? ''
      attempts.set(uid, await removePod(context, pod, how, attempts.get(uid)))
    }),
  )
  const now = context.clock.now()
  // Attempts that were made just now have moments of their own to come back.
  const soonest = decision.removals.map(({ pod }) => attempts.get(pod.metadata.uid ?? '')?.notBefore ?? now)
  const forceAt = Math.min(since + settings.drainTimeoutMilliseconds, forcedByNodeAt(node) ?? Number.POSITIVE_INFINITY)
  const instants = [decision.nextAt, ...soonest, now + 60_000, ...(session.forcedSince === undefined ? [forceAt] : [])]
  const reason = session.forcedSince !== undefined ? 'Forced' : decision.refused ? 'EvictionRefused' : 'MovingPods'
  const message = describeBlockers(decision.blockers)
  return { kind: 'draining', reason, message, milliseconds: Math.max(50, Math.min(...instants) - now) }
}

function leftBehind(session: DrainSession): string {
  const pods = session.pods()
  if (pods === undefined) return 'pods that nobody could ask for'
  const { attempts, forcedSince, context } = session
  return describeBlockers(decideDrain({ pods, attempts, forcedSince, evictUntil: 0 }, context.clock.now()).blockers)
}
