import type { Node } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import { machineFinalizers } from '@trellis/api/machine/well-known'
import { describe } from '@trellis/foundation/failure'
import { formatDuration } from '../common/duration.ts'
import { releasePatch } from '../machine/node-template.ts'
import { type BlockerReason, describeBlockers, volumesText } from './blockers.ts'
import { blockersOf, type DrainDecision, type DrainObservation, decideDrain, forceWaitMilliseconds } from './decide.ts'
import { type DrainPurpose, forcedBecause, forcedByNodeAt } from './force.ts'
import { observeDrain } from './observe.ts'
import { mustLeave, uidOf } from './pods.ts'
import { removePod } from './remove-pod.ts'
import type { DrainSession } from './session.ts'
import { tellEnd, tellHeldUp } from './trouble.ts'
import { moveOf } from './volumes.ts'

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
  /** How long volumes may take, after their pods' grace period, to be detached from the node. */
  readonly pvDetachTimeoutMilliseconds: number
  /** How long they may take then to be attached to another before others stop waiting for them. */
  readonly pvReattachTimeoutMilliseconds: number
}

/** How a drain stands. */
export type DrainProgress =
  | {
      readonly kind: 'draining'
      /** `LookingAtPods` until they are known. */
      readonly reason: 'LookingAtPods' | 'Forced' | BlockerReason
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
      /** Volumes that are still attached although their time is up. */
      readonly leftAttached: readonly string[]
      /** What did not go as it should have: pods left behind by force, volumes left attached; empty when all is well. */
      readonly message: string
    }

const lookMilliseconds = 30_000
const shortestPauseMilliseconds = 50

/**
 * Takes the drain of a node as far as it gets, without waiting for anything, and tells how it stands: cordons the node, asks its pods to go, and follows their
 * volumes. To be called again whenever the session wakes the caller, the node or the machine changes, or the time it names has passed. Any call
 * may be repeated, also by another process. Throws what an API server throws, unless the drain is forced. Uncordoning is the caller's.
 */
export async function drainNode(session: DrainSession, request: DrainRequest): Promise<DrainProgress> {
  const { clock } = session.context
  beginForce(session, request)
  await cordon(session, request)
  const pods = session.pods()
  if (pods === undefined) {
    const { forcedSince } = session
    if (forcedSince !== undefined && clock.now() >= forcedSince + forceWaitMilliseconds) {
      return finish(session, request, { message: 'pods that nobody could ask for', leftAttached: [] })
    }
    return {
      kind: 'draining',
      reason: 'LookingAtPods',
      message: 'its pods are not known yet',
      milliseconds: lookMilliseconds,
    }
  }
  if (pods.some(mustLeave)) await guard(session, request)
  const observed = await observeDrain(session, request, pods)
  const decision = decideDrain(observed, clock.now())
  session.moves = decision.moves
  session.movedPods ||= pods.some(mustLeave)
  if (!decision.finished) return movePods(session, request, { observed, decision })
  const message = session.forcedSince === undefined ? '' : describeBlockers(decision.blockers)
  return finish(session, request, { message, leftAttached: decision.leftAttached })
}

function beginForce(session: DrainSession, request: DrainRequest): void {
  if (session.forcedSince !== undefined) return
  const { clock, events } = session.context
  const because = forcedBecause({ ...request, ...request.settings }, clock.now())
  if (because === undefined) return
  session.forcedSince = clock.now()
  session.told.add('Forced')
  events.warn(request.machine, 'DrainForced', `Pods are deleted without grace: ${because}`)
}

/**
 * Keeps further pods off the node, before its pods are looked at. Our finalizer is taken off in the same write, since most nodes that go are empty;
 * {@link guard} puts it back where pods are found. A Node that somebody deletes would be gone with it.
 */
async function cordon(session: DrainSession, { node, purpose }: DrainRequest): Promise<void> {
  if (node.spec?.unschedulable === true || session.cordoned) return
  const { name, deletionTimestamp } = node.metadata
  const release = purpose === 'deletion' && deletionTimestamp === undefined ? releasePatch(node) : undefined
  try {
    await session.context.patchNode(name, { ...release, spec: { unschedulable: true } })
  } catch (error) {
    if (session.forcedSince === undefined) throw error
    session.context.log.warn({ node: name, error: describe(error) }, 'a node that is given up could not be cordoned')
  }
  session.cordoned = true
}

/** Keeps the Node for as long as its pods need it, although somebody deletes it. */
async function guard(session: DrainSession, { node, purpose }: DrainRequest): Promise<void> {
  if (session.guarded || purpose !== 'deletion' || session.forcedSince !== undefined) return
  session.guarded = true
  const { name, finalizers = [], resourceVersion, deletionTimestamp } = node.metadata
  if (deletionTimestamp !== undefined || finalizers.includes(machineFinalizers.node)) return
  try {
    const held = [...finalizers, machineFinalizers.node]
    await session.context.patchNode(name, { metadata: { resourceVersion, finalizers: held } })
  } catch (error) {
    session.context.log.warn({ node: name, error: describe(error) }, 'a node is drained without its finalizer')
  }
}

interface Pass {
  readonly observed: DrainObservation
  readonly decision: DrainDecision
}

async function movePods(
  session: DrainSession,
  request: DrainRequest,
  { observed, decision }: Pass,
): Promise<DrainProgress> {
  const { context, attempts } = session
  const refusedOrdered = await askPods(session, request, { observed, decision })
  const now = context.clock.now()
  const blockers = blockersOf({ ...observed, volumes: { ...observed.volumes, moves: session.moves } }, now)
  tellHeldUp(session, request.machine, blockers)
  // Attempts that were made just now have moments of their own to come back.
  const soonest = decision.removals.map(({ pod }) => attempts.get(uidOf(pod))?.notBefore ?? now)
  const instants = [decision.nextAt, ...soonest, ...deadlines(session, request)]
  // The turn of a pod that was refused is the next one's.
  if (refusedOrdered) instants.push(now)
  const reason = session.forcedSince === undefined ? (blockers[0]?.reason ?? 'MovingPods') : 'Forced'
  return {
    kind: 'draining',
    reason,
    message: describeBlockers(blockers),
    milliseconds: Math.max(shortestPauseMilliseconds, Math.min(...instants) - now),
  }
}

/** Whether one of those that hold a turn was refused. */
async function askPods(
  session: DrainSession,
  { settings }: DrainRequest,
  { observed, decision }: Pass,
): Promise<boolean> {
  const { context, attempts } = session
  const asked = await Promise.all(
    decision.removals.map(async ({ pod, how, ordered }) => {
      const verdict = observed.verdicts.get(uidOf(pod))
      const budgetVersion = verdict?.kind === 'allows' ? verdict.version : undefined
      const attempt = await removePod(context, pod, { how, before: attempts.get(uidOf(pod)), budgetVersion })
      attempts.set(uidOf(pod), attempt)
      if (ordered === undefined) return false
      if (attempt.refusal !== undefined) return true
      const detachTimeoutMilliseconds = settings.pvDetachTimeoutMilliseconds
      const move = moveOf(pod, ordered.volumes, { askedAt: attempt.at, detachTimeoutMilliseconds })
      session.moves = [...session.moves, move]
      return false
    }),
  )
  return asked.includes(true)
}

/** When the drain will be forced, if nothing changes. */
function deadlines(session: DrainSession, { since, settings, node }: DrainRequest): readonly number[] {
  const look = session.volumes.nextLookAt()
  const looks = look === undefined ? [] : [look]
  if (session.forcedSince !== undefined) return looks
  const sick = forcedByNodeAt(node)
  return [...looks, since + settings.drainTimeoutMilliseconds, ...(sick === undefined ? [] : [sick])]
}

function finish(
  session: DrainSession,
  { machine, settings }: DrainRequest,
  { message, leftAttached }: { readonly message: string; readonly leftAttached: readonly string[] },
): DrainProgress {
  const forced = session.forcedSince !== undefined
  const pods = message === '' ? '' : `left behind: ${message}`
  const late = `${volumesText(leftAttached)} was not detached within ${formatDuration(settings.pvDetachTimeoutMilliseconds)}`
  const volumes = forced || leftAttached.length === 0 ? '' : late
  const text = [pods, volumes].filter((part) => part !== '').join('; ')
  tellEnd(session, machine, text)
  return { kind: 'drained', movedPods: session.movedPods, forced, leftAttached, message: text }
}
