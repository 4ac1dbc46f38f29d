import { findCondition } from '@trellis/api/conditions'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineEventReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import { flockMilliseconds } from '../common/flock.ts'
import type { FreshReader } from '../common/freshness.ts'
import { settleInTurns } from '../common/in-turns.ts'
import { controllerOf, controllerReference } from '../common/ownership.ts'
import type { MachineTimes } from '../machine/context.ts'
import { isLeaving, phaseOf } from '../machine/phase.ts'
import { minReadyMilliseconds, nextAvailability } from './availability.ts'
import { decideMachineSet, type MachineSetAction } from './decide.ts'
import { createExpectations, type Expectations } from './expectations.ts'
import { machineSetStatus, type SetTrouble } from './status.ts'
import { machineOf } from './template.ts'

/** All that the machine set controller works with. */
export interface MachineSetContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly machines: Informer<Machine>
  readonly machineReader: FreshReader<Machine>
  readonly sets: Informer<MachineSet>
  readonly setReader: FreshReader<MachineSet>
  readonly events: Events
  readonly times: Pick<MachineTimes, 'stale'>
}

/** The part of the machine set controller that works on one set; its key is the set's name. */
export interface MachineSetReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts sets into the queue whenever something changes that concerns them. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes the reconciler. */
export function createMachineSetReconciler(context: MachineSetContext): MachineSetReconciler {
  const expectations = createExpectations(context.clock)
  return {
    reconcile: (name) => reconcile(context, expectations, name),
    follow: (controller) => followChanges(context, expectations, controller),
  }
}

async function reconcile(context: MachineSetContext, expectations: Expectations, name: string): Promise<Outcome> {
  const { namespace, setReader, machineReader, clock } = context
  const set = setReader.get({ namespace, name })
  if (set === undefined) return done
  const uid = set.metadata.uid ?? ''
  const outstanding = expectations.outstandingMilliseconds(uid)
  const candidates = machineReader.freshen(candidatesOf(context, set))
  const countable = outstanding === 0
  const decision = decideMachineSet({ set, candidates, countable, now: clock.now() })
  const trouble = await applyAll(context, expectations, set, decision.actions)
  if (trouble === undefined && decision.actions.some(({ kind }) => kind === 'remove-finalizer')) {
    expectations.forget(uid)
    return done
  }
  const said = decision.invalid ?? trouble?.said ?? (countable ? undefined : standingTrouble(set))
  if (decision.invalid !== undefined) tellInvalid(context, set, decision.invalid)
  const status = machineSetStatus(set, decision.owned, said, clock.now())
  const current = setReader.get({ namespace, name })
  if (status !== undefined && current?.metadata.resourceVersion === set.metadata.resourceVersion) {
    setReader.remember(await context.control.replaceStatus(machineSets, { ...set, status }))
  }
  if (trouble !== undefined) throw trouble.error
  const now = clock.now()
  const available = nextAvailability(decision.owned, minReadyMilliseconds(set), now)
  const counted = countable ? undefined : now + outstanding
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

interface Trouble {
  /** Undefined when it keeps no machine from being made or deleted. */
  readonly said: SetTrouble | undefined
  readonly error: unknown
}

/** Carries the actions out. Creations begin with one and double while they succeed, so that a quota of the API server costs one refusal, not hundreds. */
async function applyAll(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  actions: readonly MachineSetAction[],
): Promise<Trouble | undefined> {
  const others = actions.filter(({ kind }) => kind !== 'create')
  const results = await settleInTurns(others, (action) => applyOne(context, expectations, set, action))
  tellDeletions(
    context,
    set,
    others.filter((_, index) => results[index]?.status === 'fulfilled'),
  )
  const refused = results.findIndex((result) => result.status === 'rejected')
  if (refused >= 0) return refusal(context, set, others[refused], results[refused])
  const count = actions.reduce((sum, action) => sum + (action.kind === 'create' ? action.count : 0), 0)
  let made = 0
  for (let batch = 1; made < count; batch *= 2) {
    const size = Math.min(batch, count - made)
    const tries = await settleInTurns(Array.from({ length: size }), () => createOne(context, expectations, set))
    const failed = tries.find((result) => result.status === 'rejected')
    made += tries.filter((result) => result.status === 'fulfilled').length
    if (failed !== undefined) {
      tellCreations(context, set, made)
      context.events.warn(set, machineEventReasons.failedCreate, describe(failed.reason))
      return trouble(machineConditionReasons.replicaFailure.failedCreate, failed.reason)
    }
  }
  tellCreations(context, set, made)
  return undefined
}

function tellCreations({ events }: MachineSetContext, set: MachineSet, count: number): void {
  if (count > 0) events.normal(set, machineEventReasons.successfulCreate, `Created ${count} machine(s)`)
}

function refusal(
  { events }: MachineSetContext,
  set: MachineSet,
  action: MachineSetAction | undefined,
  result: PromiseSettledResult<unknown> | undefined,
): Trouble {
  const error: unknown = result?.status === 'rejected' ? result.reason : undefined
  if (action?.kind !== 'delete') return { error, said: undefined }
  events.warn(set, machineEventReasons.failedDelete, describe(error))
  return trouble(machineConditionReasons.replicaFailure.failedDelete, error)
}

/** One event for all machines that go for the same reason. */
function tellDeletions(context: MachineSetContext, set: MachineSet, actions: readonly MachineSetAction[]): void {
  const deletions = actions.filter((action) => action.kind === 'delete')
  for (const [why, group] of Map.groupBy(deletions, (action) => action.why)) {
    const names = group.map(({ machine }) => machine.metadata.name)
    const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
    context.events.normal(set, machineEventReasons.successfulDelete, `Deleted ${shown}: ${why}`)
  }
}

function trouble(reason: string, error: unknown): Trouble {
  return { error, said: { reason, message: describe(error) } }
}

async function createOne(context: MachineSetContext, expectations: Expectations, set: MachineSet): Promise<void> {
  const uid = set.metadata.uid ?? ''
  const machine = nextMachine(context, expectations, set)
  try {
    const made = await context.control.create(machines, machine)
    expectations.created(uid, made.metadata.uid ?? '')
  } catch (error) {
    if (!isFailure(error, 'Conflict')) {
      // It may have been made all the same: the next try asks for the same name, so that there are never two.
      if (!isFailure(error) || isFailure(error, 'Unavailable', 'Timeout'))
        expectations.unanswered(uid, machine.metadata.name)
      throw error
    }
    const taken = await context.control.find(machines, keyOf(machine))
    if (taken === undefined || controllerOf(taken)?.uid !== uid) throw error
    expectations.created(uid, taken.metadata.uid ?? '')
  }
}

/** The machine to make next: one that was asked for in vain and has not come, or a new one. */
function nextMachine(
  { machines: known, random }: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
): Machine {
  const machine = machineOf(set, random.text(5))
  const { namespace } = machine.metadata
  for (let name = expectations.nextUnanswered(set.metadata.uid ?? ''); name !== undefined; ) {
    if (known.get({ namespace, name }) === undefined) return { ...machine, metadata: { ...machine.metadata, name } }
    name = expectations.nextUnanswered(set.metadata.uid ?? '')
  }
  return machine
}

async function applyOne(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  action: MachineSetAction,
): Promise<void> {
  switch (action.kind) {
    case 'add-finalizer':
      return setFinalizers(context, set, [...(set.metadata.finalizers ?? []), machineFinalizers.object])
    case 'remove-finalizer':
      return setFinalizers(
        context,
        set,
        (set.metadata.finalizers ?? []).filter((name) => name !== machineFinalizers.object),
      )
    case 'adopt':
      return setOwners(context, action.machine, [
        ...(action.machine.metadata.ownerReferences ?? []),
        controllerReference(set),
      ])
    case 'release':
      return setOwners(
        context,
        action.machine,
        (action.machine.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== set.metadata.uid),
      )
    case 'update':
      context.machineReader.remember(
        await context.control.patch(machines, keyOf(action.machine), action.patch, { type: 'merge' }),
      )
      return
    case 'delete':
      return deleteOne(context, expectations, set, action)
    case 'create':
      return
  }
}

async function deleteOne(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  { machine, why }: { readonly machine: Machine; readonly why: string },
): Promise<void> {
  const uid = machine.metadata.uid ?? ''
  await context.control.delete(machines, keyOf(machine), { uid })
  expectations.deleted(set.metadata.uid ?? '', uid)
  if (phaseOf(machine) === 'Failed') context.times.stale()
  context.log.info({ set: set.metadata.name, machine: machine.metadata.name, why }, 'machine asked to go')
}

async function setFinalizers(
  context: MachineSetContext,
  set: MachineSet,
  finalizers: readonly string[],
): Promise<void> {
  const { resourceVersion } = set.metadata
  const patch = { metadata: { resourceVersion, finalizers } }
  context.setReader.remember(await context.control.patch(machineSets, keyOf(set), patch, { type: 'merge' }))
}

async function setOwners(
  context: MachineSetContext,
  machine: Machine,
  ownerReferences: Machine['metadata']['ownerReferences'],
): Promise<void> {
  const { resourceVersion } = machine.metadata
  const patch = { metadata: { resourceVersion, ownerReferences } }
  try {
    context.machineReader.remember(await context.control.patch(machines, keyOf(machine), patch, { type: 'merge' }))
  } catch (error) {
    // It changed or went meanwhile: its change brings the set back.
    if (!isFailure(error, 'Conflict', 'NotFound')) throw error
  }
}

function followChanges(context: MachineSetContext, expectations: Expectations, controller: Controller): () => void {
  const wakeOwner = (machine: Machine | undefined) => {
    if (machine === undefined) return
    const owner = controllerOf(machine)
    const wake = (name: string, uid = '') =>
      controller.enqueueAfter(name, flockMilliseconds(context.machines.countByIndex('owner', uid)))
    if (owner !== undefined) wake(owner.name, owner.uid)
    else for (const { metadata } of context.sets.list(context.namespace)) wake(metadata.name, metadata.uid)
  }
  const stops = [
    context.sets.onChange(({ key }) => controller.enqueue(key.name)),
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
