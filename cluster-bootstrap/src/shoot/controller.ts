import { cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { seeds } from '@trellis/api/garden/seed'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { keyText } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createController, type Reconcile } from '@trellis/kubernetes/controller'
import { createInformer, type Informer } from '@trellis/kubernetes/informer'

/** What the controller of shoots is made of. */
export interface ShootControllerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly garden: Client
  readonly concurrency: number
  readonly informer: Informer<Shoot>
  readonly reconcile: Reconcile
}

/** Runs the controller of shoots until the signal aborts. Shoots that were refused are looked at again when what they refer to changes. */
export async function runShootController(options: ShootControllerOptions, signal: AbortSignal): Promise<void> {
  const { informer } = options
  const controller = createController({ ...options, name: 'shoot' })
  const all = () => {
    for (const shoot of informer.list()) {
      if (shoot.status?.lastOperation?.state === 'Failed') controller.enqueue(keyText(shoot.metadata))
    }
  }
  const profiles = createInformer({ ...options, client: options.garden, resource: cloudProfiles })
  const places = createInformer({ ...options, client: options.garden, resource: seeds })
  informer.onChange(({ key, before, after }) => {
    if (before === undefined || after === undefined || isWorthALook(before, after)) controller.enqueue(keyText(key))
  })
  profiles.onChange(all)
  places.onChange(all)
  await Promise.all([informer.run(signal), profiles.run(signal), places.run(signal), controller.run(signal)])
}

/** Whether a change is one of what is wanted, rather than of what was written about it. */
function isWorthALook(before: Shoot, after: Shoot): boolean {
  return (
    before.metadata.generation !== after.metadata.generation ||
    before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp ||
    JSON.stringify(before.metadata.annotations) !== JSON.stringify(after.metadata.annotations)
  )
}

/** Makes the informer of all shoots of a garden. */
export function createShootInformer(
  options: Omit<ShootControllerOptions, 'informer' | 'reconcile' | 'concurrency'>,
): Informer<Shoot> {
  return createInformer({ ...options, client: options.garden, resource: shoots })
}

/** A signal with what keeps it up to date; disposing stops that. */
export interface OutdatedSignal extends Disposable {
  readonly signal: AbortSignal
}

/**
 * A signal that aborts with the parent or when the shoot is to become something else than what is being worked on: a new spec, or deletion.
 * The controller gets the key again by the same change.
 */
export function untilOutdated(
  informer: Informer<Shoot>,
  key: string,
  working: Shoot,
  parent: AbortSignal,
): OutdatedSignal {
  const own = new AbortController()
  const stop = informer.onChange((change) => {
    if (keyText(change.key) !== key || change.after === undefined) return
    const { generation, deletionTimestamp } = change.after.metadata
    const newer = (generation ?? 0) > (working.metadata.generation ?? 0)
    const doomed = deletionTimestamp !== undefined && working.metadata.deletionTimestamp === undefined
    if (newer || doomed) own.abort(new Error('the shoot was changed meanwhile'))
  })
  return { signal: AbortSignal.any([parent, own.signal]), [Symbol.dispose]: stop }
}
