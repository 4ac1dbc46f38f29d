/** A pod that was asked to go, with volumes that are to follow it: each is detached from this node, then attached to another. */
export interface Move {
  /** Identity of the pod. */
  readonly uid: string
  /** Its name, for people. */
  readonly pod: string
  readonly priority: number
  /** Identity of what controls the pod: of its siblings only one moves at a time. */
  readonly controller: string | undefined
  /** Names of its persistent volumes that no other pod of this node uses. */
  readonly volumes: readonly string[]
  /** When the pod should be gone and its volumes detached: grace period and timeout after it was asked. */
  readonly detachBy: number
  /** Whether somebody will make the pod anew, so that its volumes will be attached elsewhere. */
  readonly returns: boolean
  /** When its volumes were first seen detached. */
  readonly detachedAt?: number
}

/** Where volumes are attached. */
export interface Attachments {
  /** Names of persistent volumes that are attached to this node. */
  readonly here: ReadonlySet<string>
  /** Those that are attached to another one. */
  readonly elsewhere: ReadonlySet<string>
}

/**
 * How far a move is. `overdue`: the pod or its volumes are still here after their time; others need not wait for it any longer, the end of the drain does.
 * `stranded`: nobody attached the volumes elsewhere in time.
 */
export type MoveStage = 'leaving' | 'detaching' | 'overdue' | 'reattaching' | 'stranded' | 'over'

/** What a move's stage depends on beside the move. */
export interface MoveView extends Attachments {
  /** Identities of the pods that are still on the node. */
  readonly present: ReadonlySet<string>
  readonly reattachTimeoutMilliseconds: number
}

/** Tells how far a move is. */
export function stageOf(move: Move, view: MoveView, now: number): MoveStage {
  const present = view.present.has(move.uid)
  if (present || move.volumes.some((volume) => view.here.has(volume))) {
    if (now >= move.detachBy) return 'overdue'
    return present ? 'leaving' : 'detaching'
  }
  if (!move.returns || move.volumes.every((volume) => view.elsewhere.has(volume))) return 'over'
  const since = move.detachedAt ?? now
  // Others began when it was overdue; that it is late must not make it wait beside them.
  if (since >= move.detachBy) return 'stranded'
  return now >= since + view.reattachTimeoutMilliseconds ? 'stranded' : 'reattaching'
}

/** Whether others that need order have to wait for a move at this stage. */
export function isUnderWay(stage: MoveStage): boolean {
  return stage === 'leaving' || stage === 'detaching' || stage === 'reattaching'
}

/** The move with the instant noted at which its volumes were seen detached; the same when there is nothing to note. */
export function noteDetached(move: Move, view: MoveView, now: number): Move {
  const stage = stageOf(move, view, now)
  return stage === 'reattaching' && move.detachedAt === undefined ? { ...move, detachedAt: now } : move
}

/** When a move's stage will change although nothing happens. */
export function moveDeadline(move: Move, stage: MoveStage, view: MoveView): number | undefined {
  if (stage === 'leaving' || stage === 'detaching') return move.detachBy
  if (stage !== 'reattaching' || move.detachedAt === undefined) return undefined
  return move.detachedAt + view.reattachTimeoutMilliseconds
}

/** A pod whose turn depends on its volumes. */
export interface OrderedPod {
  readonly uid: string
  readonly pod: string
  readonly priority: number
  readonly controller: string | undefined
  readonly volumes: readonly string[]
}

/** Volumes that move at the same time, at most, unless one pod alone has more. */
export const mostVolumesMoving = 10

/**
 * Chooses who may be asked to go now, among pods that may be asked and beside those that move already: by priority, highest first and never beside
 * one of higher priority; of the pods of one controller one at a time; and no more than {@link mostVolumesMoving} volumes together.
 */
export function choosePods<Candidate extends OrderedPod>(
  candidates: readonly Candidate[],
  moving: readonly OrderedPod[],
): readonly Candidate[] {
  const controllers = new Set(moving.map(({ controller }) => controller))
  let volumes = moving.reduce((sum, move) => sum + move.volumes.length, 0)
  let barrier = Math.max(Number.NEGATIVE_INFINITY, ...moving.map(({ priority }) => priority))
  const chosen: Candidate[] = []
  for (const candidate of [...candidates].sort(byPriority)) {
    if (candidate.priority < barrier) break
    barrier = candidate.priority
    const { controller } = candidate
    if (controller !== undefined && controllers.has(controller)) continue
    if (volumes > 0 && volumes + candidate.volumes.length > mostVolumesMoving) break
    chosen.push(candidate)
    controllers.add(controller)
    volumes += candidate.volumes.length
  }
  return chosen
}

function byPriority(a: OrderedPod, b: OrderedPod): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  return a.pod < b.pod ? -1 : 1
}
