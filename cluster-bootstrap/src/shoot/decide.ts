import { gardenAnnotations, gardenFinalizer } from '@trellis/api/garden/common'
import type { Shoot } from '@trellis/api/garden/shoot'
import type { OperationType } from './status.ts'

/** What is to be done about a shoot. */
export type Decision =
  /** Not ours, or nothing left to do. */
  | { readonly kind: 'ignore' }
  /** It is as it should be: look after it, and reconcile it again by itself after that time. */
  | { readonly kind: 'care'; readonly dueMilliseconds: number }
  /** Waits for a new spec or for somebody who asks for another try. */
  | { readonly kind: 'failed' }
  | {
      readonly kind: 'operate'
      readonly type: OperationType
      /** Names the run: an interrupted one of this name is resumed. */
      readonly run: string
      /** Forget what an earlier run recorded. */
      readonly fresh: boolean
      /** Begin to count anew how long this has been tried. */
      readonly newCycle: boolean
    }

/**
 * A shoot that is up is reconciled again after so long: certificates are renewed then, and the tunnel's keys change in two steps.
 */
export const reconcilePeriodMilliseconds = 24 * 60 * 60 * 1000

/** Decides from the shoot and the time alone. A spec that was refused is looked at again each time, because what it refers to may have changed. */
export function decide(shoot: Shoot, seedName: string, now: number): Decision {
  const { metadata, spec, status } = shoot
  if ((status?.seedName ?? spec.seedName) !== seedName) return { kind: 'ignore' }
  if (metadata.deletionTimestamp !== undefined) {
    if (!metadata.finalizers?.includes(gardenFinalizer)) return { kind: 'ignore' }
    const newCycle = status?.lastOperation?.type !== 'Delete'
    return { kind: 'operate', type: 'Delete', run: `Delete ${metadata.uid}`, fresh: false, newCycle }
  }
  const last = status?.lastOperation
  const type = isCreated(shoot) ? 'Reconcile' : 'Create'
  const run = `${type} ${metadata.uid} generation ${metadata.generation ?? 0}`
  const asked = metadata.annotations?.[gardenAnnotations.operation]
  if (asked === 'reconcile' || asked === 'retry') {
    return { kind: 'operate', type, run, fresh: asked === 'reconcile', newCycle: true }
  }
  const observed = status?.observedGeneration === metadata.generation
  if (observed && last?.state === 'Succeeded') {
    const dueMilliseconds = Date.parse(last.lastUpdateTime) + reconcilePeriodMilliseconds - now
    return dueMilliseconds > 0
      ? { kind: 'care', dueMilliseconds }
      : { kind: 'operate', type, run, fresh: true, newCycle: true }
  }
  if (observed && last?.state === 'Failed' && status?.tasks !== undefined) return { kind: 'failed' }
  return { kind: 'operate', type, run, fresh: last?.state === 'Succeeded', newCycle: !observed }
}

/** Whether the shoot has ever been up. */
function isCreated({ status }: Shoot): boolean {
  const last = status?.lastOperation
  return last?.type === 'Reconcile' || (last?.type === 'Create' && last.state === 'Succeeded')
}
