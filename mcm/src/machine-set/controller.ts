import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineConditionReasons } from '@trellis/api/machine/well-known'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import { flockMilliseconds, onlyStatusChanged } from '../common/flock.ts'
import { controllerOf } from '../common/ownership.ts'
import { isLeaving } from '../machine/phase.ts'
import { applyAll } from './apply.ts'
import { minReadyMilliseconds, nextAvailability } from './availability.ts'
import { askAgainMilliseconds, type CatchUp, createCatchUp } from './catch-up.ts'
import type { MachineSetContext } from './context.ts'
import { decideMachineSet, type MachineSetDecision } from './decide.ts'
import type { Expectations } from './expectations.ts'
import { machineSetStatus, type SetTrouble } from './status.ts'

/** The part of the machine set controller that works on one set; its key is the set's name. */
export interface MachineSetReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts sets into the queue whenever something changes that concerns them. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes the reconciler. */
export function createMachineSetReconciler(context: MachineSetContext): MachineSetReconciler {
  const { expectations } = context
  const catchUp = context.deploymentsElsewhere ? createCatchUp(context) : undefined
  const passing = { context, expectations, catchUp }
  return {
    reconcile: (name) => reconcile(passing, name),
    follow: (controller) => followChanges(context, expectations, controller),
  }
}

/** What passes share. */
interface Passing {
  readonly context: MachineSetContext
  readonly expectations: Expectations
  /** Absent where this process works on deployments too, and so knows what it did to machines. */
  readonly catchUp: CatchUp | undefined
}

async function reconcile(passing: Passing, name: string): Promise<Outcome> {
  const { context, expectations, catchUp } = passing
  const view = await lookSafely(passing, name)
  if (view === undefined) return done
  const { set, decision, uncountedMilliseconds } = view
  const uid = set.metadata.uid ?? ''
  const trouble = await applyAll(context, expectations, set, decision.actions)
  if (trouble === undefined && decision.actions.some(({ kind }) => kind === 'remove-finalizer')) {
    expectations.forget(uid)
    catchUp?.forget(uid)
    return done
  }
  const countable = uncountedMilliseconds === 0
  const said = decision.invalid ?? trouble?.said ?? (countable ? undefined : standingTrouble(set))
  if (decision.invalid !== undefined) tellInvalid(context, set, decision.invalid)
  await writeStatus(context, view, said)
  if (trouble !== undefined) throw trouble.error
  return nextLook(context, view)
}

/** A set, what a pass does about it, and how long it cannot be counted. */
interface View {
  readonly set: MachineSet
  readonly decision: MachineSetDecision
  readonly uncountedMilliseconds: number
}

function look({ context, expectations, catchUp }: Passing, name: string): View | undefined {
  const { namespace, setReader, machineReader, clock } = context
  const set = setReader.get({ namespace, name })
  if (set === undefined) return undefined
  const outstanding = expectations.outstandingMilliseconds(set.metadata.uid ?? '')
  const uncountedMilliseconds = catchUp?.isAbreast(set) === false ? askAgainMilliseconds : outstanding
  const candidates = machineReader.freshen(candidatesOf(context, set))
  expectations.answered(
    set.metadata.uid ?? '',
    (machine) => context.machines.get({ namespace, name: machine }) !== undefined,
  )
  const countable = uncountedMilliseconds === 0
  return {
    set,
    uncountedMilliseconds,
    decision: decideMachineSet({ set, candidates, countable, now: clock.now() }),
  }
}

/** Looks; where another process works on deployments, machines are made and deleted only after the API server was asked whether this process sees it all. */
async function lookSafely(passing: Passing, name: string): Promise<View | undefined> {
  const { catchUp } = passing
  const first = look(passing, name)
  if (first === undefined || catchUp === undefined) return first
  const { set, decision } = first
  const counts = decision.actions.some(({ kind }) => kind === 'create' || kind === 'delete')
  const stays = set.metadata.deletionTimestamp === undefined
  if (!(stays && counts) && catchUp.isAbreast(set)) return first
  await catchUp.ask(set)
  return look(passing, name)
}

async function writeStatus(
  { clock, namespace, control, setReader }: MachineSetContext,
  { set, decision, uncountedMilliseconds }: View,
  trouble: SetTrouble | undefined,
): Promise<void> {
  const remarks = { trouble, counted: uncountedMilliseconds === 0 }
  const status = machineSetStatus(set, decision.owned, remarks, clock.now())
  const current = setReader.get({ namespace, name: set.metadata.name })
  if (status === undefined || current?.metadata.resourceVersion !== set.metadata.resourceVersion) return
  setReader.remember(await control.replaceStatus(machineSets, { ...set, status }))
}

function nextLook({ clock }: MachineSetContext, { set, decision, uncountedMilliseconds }: View): Outcome {
  const now = clock.now()
  const available = nextAvailability(decision.owned, minReadyMilliseconds(set), now)
  const counted = uncountedMilliseconds === 0 ? undefined : now + uncountedMilliseconds
  const instants = [counted, available, decision.replaceChosenAt].filter((instant) => instant !== undefined)
  return instants.length === 0 ? done : again(Math.max(0, Math.min(...instants) - now))
}

/** What the set says of its trouble already; nothing new is known about it while its machines cannot be counted. */
function standingTrouble({ status }: MachineSet): SetTrouble | undefined {
  const condition = findCondition(status?.machineSetCondition, machineConditionReasons.replicaFailure.type)
  return condition === undefined ? undefined : { reason: condition.reason ?? '', message: condition.message ?? '' }
}

function tellInvalid(context: MachineSetContext, set: MachineSet, { reason, message }: SetTrouble): void {
  if (standingTrouble(set)?.message !== message) context.events.warn(set, reason, message)
}

/** Machines that belong to the set or might. */
function candidatesOf({ machines: informer, namespace }: MachineSetContext, set: MachineSet): readonly Machine[] {
  const owned = informer.byIndex('owner', set.metadata.uid ?? '')
  const orphans = informer.byIndex('owner', '').filter(({ metadata }) => metadata.namespace === namespace)
  return [...owned, ...orphans]
}

function followChanges(context: MachineSetContext, expectations: Expectations, controller: Controller): () => void {
  const wake = (name: string, uid = '') =>
    controller.enqueueAfter(name, flockMilliseconds(context.machines.countByIndex('owner', uid)))
  const wakeOwner = (machine: Machine | undefined) => {
    if (machine === undefined) return
    const owner = controllerOf(machine)
    if (owner !== undefined) wake(owner.name, owner.uid)
    else for (const { metadata } of context.sets.list(context.namespace)) wake(metadata.name, metadata.uid)
  }
  const stops = [
    context.sets.onChange((change) => {
      // What this controller said itself gives it nothing to do at once.
      if (onlyStatusChanged(change)) wake(change.key.name, change.after?.metadata.uid)
      else controller.enqueue(change.key.name)
    }),
    context.machines.onChange(({ before, after }) => {
      const machine = after ?? before
      const state = after === undefined ? 'gone' : isLeaving(after) ? 'leaving' : 'present'
      expectations.seen(machine?.metadata.uid ?? '', state)
      wakeOwner(after)
      if (before !== undefined && controllerOf(before)?.uid !== (after && controllerOf(after)?.uid)) wakeOwner(before)
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Index functions that the machine informer must have. */
export const ownerIndex = {
  owner: (machine: Machine) => [controllerOf(machine)?.uid ?? ''],
}
