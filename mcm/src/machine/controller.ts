import { joinReportNamePrefix, joinReportNamespace } from '@trellis/api/join-report'
import type { Machine } from '@trellis/api/machine/machine'
import { machineFinalizers } from '@trellis/api/machine/well-known'
import type { KubernetesObject } from '@trellis/api/meta'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import { tokenMachineAnnotation } from './bootstrap-token.ts'
import type { MachineContext } from './context.ts'
import { followClass, updatesAtATime } from './follow-class.ts'
import { type Following, followHealth, followJoining } from './follow-machine.ts'
import { followNodeLoss } from './follow-node-loss.ts'
import { followPreservation } from './follow-preservation.ts'
import { followUpdate } from './follow-update.ts'
import { isConcerned } from './in-place-node.ts'
import { isUpdatePhase } from './in-place-update.ts'
import { launch } from './launch-machine.ts'
import { createMachineMemories, type MachineMemories } from './machine-memory.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { observeMachine } from './observe.ts'
import { createReplacementPermits, type ReplacementPermits } from './permits.ts'
import { isLeaving, phaseOf } from './phase.ts'
import { createStandstill, type Standstill } from './standstill.ts'
import { syncNode } from './sync-node.ts'
import { terminate } from './terminate.ts'
import { createTurns, type Turns } from './turns.ts'
import { addFinalizer } from './write.ts'
import { zoneOf } from './zone.ts'

/** Index functions that the machine informer must have. */
export const machineIndexes = {
  node: (machine: Machine) => optional(nodeNameOf(machine)),
  class: (machine: Machine) => optional(machine.spec?.class?.name),
}

/** The part of the machine controller that works on one machine; its key is the machine's name. */
export interface MachineReconciler {
  reconcile(name: string, signal: AbortSignal): Promise<Outcome>
  /** Puts machines into the queue whenever something changes that concerns them. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes the reconciler: the steps of a machine's life in their order. */
export function createMachineReconciler(context: MachineContext): MachineReconciler {
  const memories = createMachineMemories()
  const permits = createReplacementPermits({ ...context, zoneOf: (machine) => zoneOf(context, machine) })
  const standstill = createStandstill(context)
  let wake: (name: string) => void = () => {}
  const turns = createTurns(updatesAtATime, (name) => wake(name))
  return {
    reconcile: (name, signal) =>
      reconcile({ context, memories, permits, standstill, turns, signal, wake: () => wake(name) }, name),
    follow: (controller) => {
      wake = controller.enqueue
      context.shortages.onTurn(controller.enqueue)
      const stops = [
        permits.follow(controller.enqueue),
        standstill.follow(controller),
        followChanges(context, memories, controller),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}

interface Pass {
  readonly context: MachineContext
  readonly memories: MachineMemories
  readonly permits: ReplacementPermits
  readonly standstill: Standstill
  /** Of servers that are changed to follow their class. */
  readonly turns: Turns
  readonly signal: AbortSignal
  readonly wake: () => void
}

async function reconcile(
  { context, memories, permits, standstill, turns, signal, wake }: Pass,
  name: string,
): Promise<Outcome> {
  const machine = context.machineReader.get({ namespace: context.namespace, name })
  if (machine === undefined) {
    memories.forget(name)
    return done
  }
  const memory = memories.of(machine)
  if (isLeaving(machine)) {
    if (!isOurs(machine)) return done
    return terminate({ context, memory, signal, wake }, name)
  }
  const held = await standstill.hold(machine)
  if (held !== undefined) return held
  if (!isOurs(machine)) {
    await addFinalizer(context, machine)
    return again(0)
  }
  const observed = observeMachine(context, machine)
  const following = { context, memory, permits, signal, wake }
  const lost = await followNodeLoss(following, observed)
  if (lost !== undefined) return lost
  const launching = await launch(context, observed, { memory, signal })
  if (launching !== undefined) return launching
  const kept = await followPreservation(following, observed)
  if (kept?.settled === false) return kept.outcome
  const outcomes = [await follow(following, observed), await followClass(following, observed, turns), kept?.outcome]
  return outcomes.filter((outcome) => outcome !== undefined).reduce(sooner)
}

async function follow(following: Following, observed: MachineObservation): Promise<Outcome> {
  const { context } = following
  const { name } = observed.machine.metadata
  const phase = phaseOf(observed.machine)
  if (phase === 'Pending') return followJoining(following, observed)
  if (phase === 'Running' || phase === 'Unknown') {
    const health = await followHealth(following, observed)
    const concerned = observed.node !== undefined && isConcerned(observed.node)
    return concerned ? sooner(health, await followUpdate(following, name)) : health
  }
  if (phase === 'Failed') return followHealth(following, observed)
  if (!isUpdatePhase(phase)) return done
  await syncNode(context, observed)
  return followUpdate(following, name)
}

/** Of two outcomes the one that comes back earlier. */
function sooner(left: Outcome, right: Outcome): Outcome {
  if (left.kind === 'again' && right.kind === 'again') {
    return again(Math.min(left.afterMilliseconds, right.afterMilliseconds))
  }
  return right.kind === 'again' ? right : left
}

function isOurs(machine: Machine): boolean {
  return (machine.metadata.finalizers ?? []).includes(machineFinalizers.object)
}

function followChanges(context: MachineContext, memories: MachineMemories, controller: Controller): () => void {
  const { machines, target } = context
  const stops = [
    machines.onChange((change) => {
      const name = change.key.name
      controller.enqueue(name)
      if (change.after !== undefined) return
      memories.forget(name)
      context.shortages.leave(name)
      const className = change.before?.spec?.class?.name ?? ''
      if (machines.countByIndex('class', className) === 0) context.knownClasses.delete(className)
      // What it leaves behind may be what another waits for.
      context.shortages.relieve()
    }),
    target?.nodes.onChange(({ key }) => {
      for (const machine of machines.byIndex('node', key.name)) controller.enqueue(machine.metadata.name)
    }),
    target?.reports.onChange(({ key }) => {
      if (key.namespace !== joinReportNamespace || !key.name.startsWith(joinReportNamePrefix)) return
      controller.enqueue(key.name.slice(joinReportNamePrefix.length))
    }),
    target?.tokens.onChange(({ before, after }) => {
      const name = annotation(after ?? before, tokenMachineAnnotation)
      if (name !== undefined) controller.enqueue(name)
    }),
  ]
  return () => {
    for (const stop of stops) stop?.()
  }
}

function annotation(object: KubernetesObject | undefined, key: string): string | undefined {
  return object?.metadata.annotations?.[key]
}

function optional(value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : [value]
}
