import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineConditionReasons, machineEventReasons } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { FreshReader } from '../common/freshness.ts'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving } from '../machine/phase.ts'
import { createMachineCounts, type MachineCounts } from './machine-count.ts'
import {
  freezeConditions,
  freezeLabelPatch,
  isFrozen,
  isMarked,
  isPardonAsked,
  mustFreeze,
  type OvershootSettings,
  overshootLimits,
} from './overshoot.ts'

/** All that freezing works with. */
export interface FreezeContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly machines: Informer<Machine>
  /** Must have the index `owner`. */
  readonly sets: Informer<MachineSet>
  readonly setReader: FreshReader<MachineSet>
  readonly deployments: Informer<MachineDeployment>
  readonly deploymentReader: FreshReader<MachineDeployment>
  readonly events: Events
  readonly overshoot: OvershootSettings & { readonly periodMilliseconds: number }
  /** Whether another process works on deployments: then machines may be seen here before the growth that they come from. */
  readonly deploymentsElsewhere: boolean
}

/** The part of the safety controllers that stops sets with too many machines; keys are `set/NAME` and `deployment/NAME`. */
export interface FreezeReconciler {
  reconcile(key: string): Promise<Outcome>
  /** Puts sets and deployments into the queue when their machines, marks or requests change. Returns how to stop. */
  follow(controller: Controller): () => void
}

interface Parts {
  readonly context: FreezeContext
  readonly counts: MachineCounts
  /** By uid of the set: how many machines it had when somebody asked for it to go on. */
  readonly pardons: Map<string, number>
}

const setKey = (name: string) => `set/${name}`
const deploymentKey = (name: string) => `deployment/${name}`

/** Makes the reconciler. */
export function createFreezeReconciler(context: FreezeContext): FreezeReconciler {
  const parts = { context, counts: createMachineCounts(context.machines), pardons: new Map<string, number>() }
  return {
    reconcile: (key) => {
      const [kind, name = ''] = key.split('/')
      return kind === 'set' ? reconcileSet(parts, name) : reconcileDeployment(parts, name)
    },
    follow: (controller) => followChanges(parts, controller),
  }
}

async function reconcileSet({ context, counts, pardons }: Parts, name: string): Promise<Outcome> {
  const set = context.setReader.get({ namespace: context.namespace, name })
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return done
  const uid = set.metadata.uid ?? ''
  const count = counts.of(uid)
  const limits = overshootLimits(set, deploymentOf(context, set), context.overshoot)
  if (isPardonAsked(set)) pardons.set(uid, count.all)
  else if (count.all <= limits.unfreezeAt) pardons.delete(uid)
  const frozen = mustFreeze({ set, count, limits, pardonedAt: pardons.get(uid) })
  if (frozen && !isMarked(set) && (await isMisjudged(context, set))) return again(unseenMilliseconds)
  const message = `The machine set has ${count.all} machines; it is frozen from ${limits.freezeAt} on, until there are ${limits.unfreezeAt}`
  const patched = await markSet(context, set, frozen ? message : undefined)
  if (patched && frozen) {
    context.log.warn({ set: name, machines: count.all, limit: limits.freezeAt }, 'machine set frozen')
    context.events.warn(set, machineEventReasons.frozeMachineSet, message)
  } else if (patched && isMarked(set)) {
    const why = isPardonAsked(set) ? `annotation ${machineAnnotations.unfreeze}` : `it has ${count.all} machines`
    context.events.normal(set, machineEventReasons.unfrozeMachineSet, `The machine set goes on: ${why}`)
  }
  return again(context.overshoot.periodMilliseconds)
}

/** When to look again at a set that is not shown as it is. */
const unseenMilliseconds = 1000

/**
 * Whether a set that looks too large is so no longer, or not yet to be judged, by what the API server itself holds: it may have been told to grow, its machines
 * may be going, or it has not been worked on since it was told to shrink. Asked only where another process works on deployments.
 */
async function isMisjudged(context: FreezeContext, set: MachineSet): Promise<boolean> {
  const { control, namespace, overshoot } = context
  if (!context.deploymentsElsewhere) return false
  const held = await control.find(machineSets, keyOf(set))
  if (held === undefined || isBehind(held)) return true
  const name = controllerOf(held)?.name
  const deployment = name === undefined ? undefined : await control.find(machineDeployments, { namespace, name })
  if (deployment !== undefined && isBehind(deployment)) return true
  const { items } = await control.list<Machine>(machines, { namespace })
  const own = items.filter((machine) => controllerOf(machine)?.uid === set.metadata.uid)
  const count = { all: own.length, leaving: own.filter(isLeaving).length }
  const limits = overshootLimits(held, deployment, overshoot)
  return !mustFreeze({ set: held, count, limits, pardonedAt: undefined })
}

/** Whether an object's spec changed since its controller worked on it last. */
function isBehind({ metadata, status }: MachineSet | MachineDeployment): boolean {
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0)
}

/** Makes both marks of a set as they should be; says whether anything was written. */
async function markSet(context: FreezeContext, set: MachineSet, message: string | undefined): Promise<boolean> {
  const patch = freezeLabelPatch(set, message !== undefined)
  const patched =
    patch === undefined
      ? set
      : context.setReader.remember(await context.control.patch(machineSets, keyOf(set), patch, { type: 'merge' }))
  const { overShooting } = machineConditionReasons.frozen
  const why = message === undefined ? undefined : { reason: overShooting, message }
  const conditions = freezeConditions(patched.status?.machineSetCondition, why, context.clock.now())
  if (conditions !== undefined) {
    const status = { ...patched.status, machineSetCondition: conditions }
    context.setReader.remember(await context.control.replaceStatus(machineSets, { ...patched, status }))
  }
  return patch !== undefined || conditions !== undefined
}

/** A deployment is marked while any of its sets is; a request to go on is handed down to all of them. */
async function reconcileDeployment({ context }: Parts, name: string): Promise<Outcome> {
  const { namespace, deploymentReader, setReader, control, clock } = context
  const deployment = deploymentReader.get({ namespace, name })
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return done
  const sets = setReader.freshen(context.sets.byIndex('owner', deployment.metadata.uid ?? ''))
  const asked = deployment.metadata.annotations?.[machineAnnotations.unfreeze]
  const frozen = sets.filter((set) => isMarked(set) && !isPardonAsked(set))
  if (asked !== undefined) {
    const patch = { metadata: { annotations: { [machineAnnotations.unfreeze]: asked } } }
    for (const set of frozen) {
      setReader.remember(await control.patch(machineSets, keyOf(set), patch, { type: 'merge' }))
    }
  }
  const stays = asked === undefined && frozen.some(isFrozen)
  const patch = freezeLabelPatch(deployment, stays)
  const patched =
    patch === undefined
      ? deployment
      : deploymentReader.remember(
          await control.patch(machineDeployments, { namespace, name }, patch, { type: 'merge' }),
        )
  const { deploymentStateSync: reason } = machineConditionReasons.frozen
  const names = frozen.map(({ metadata }) => metadata.name).join(', ')
  const why = stays ? { reason, message: `Frozen machine sets: ${names}` } : undefined
  const conditions = freezeConditions(patched.status?.conditions, why, clock.now())
  if (conditions !== undefined) {
    const status = { ...patched.status, conditions }
    deploymentReader.remember(await control.replaceStatus(machineDeployments, { ...patched, status }))
  }
  if (patch === undefined && conditions === undefined) return done
  if (stays) context.events.warn(deployment, machineEventReasons.frozeMachineSet, why?.message ?? '')
  else if (isMarked(deployment)) {
    context.events.normal(deployment, machineEventReasons.unfrozeMachineSet, 'No machine set is frozen')
  }
  return done
}

function deploymentOf({ namespace, deployments }: FreezeContext, set: MachineSet): MachineDeployment | undefined {
  const owner = controllerOf(set)
  return owner === undefined ? undefined : deployments.get({ namespace, name: owner.name })
}

/** Sets far from their limits are told apart here, so that their machines' changes cost no queue. */
function followChanges({ context, counts, pardons }: Parts, controller: Controller): () => void {
  const { namespace, sets, deployments, overshoot } = context
  const look = (set: MachineSet | undefined, grew: boolean) => {
    if (set === undefined) return
    const { freezeAt } = overshootLimits(set, deploymentOf(context, set), overshoot)
    const tooMany = grew && counts.of(set.metadata.uid ?? '').all >= freezeAt
    if (tooMany || isMarked(set) || isPardonAsked(set)) controller.enqueue(setKey(set.metadata.name))
  }
  const stops = [
    counts.follow(({ name }, grew) => look(sets.get({ namespace, name }), grew)),
    sets.onChange(({ before, after }) => {
      if (after === undefined) pardons.delete(before?.metadata.uid ?? '')
      if (before === undefined && after !== undefined) controller.enqueue(setKey(after.metadata.name))
      else look(after, false)
      for (const set of [before, after]) {
        const owner = set === undefined || !isMarked(set) ? undefined : controllerOf(set)
        if (owner !== undefined) controller.enqueue(deploymentKey(owner.name))
      }
    }),
    deployments.onChange(({ key, after }) => {
      if (after === undefined) return
      if (isMarked(after) || isPardonAsked(after)) controller.enqueue(deploymentKey(key.name))
      for (const set of sets.byIndex('owner', after.metadata.uid ?? '')) look(set, false)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
