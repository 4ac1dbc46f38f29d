import type { Machine } from '@trellis/api/machine/machine'
import { machineCodeOf, machineCodes } from '@trellis/cloudprovider/contract/machine-codes'
import { describe } from '@trellis/foundation/failure'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import { again, blocked, done, type Outcome } from '@trellis/kubernetes/controller'
import type { DrainProgress } from '../drain/drain-node.ts'
import type { ClassView } from '../machine-class/resolve.ts'
import { cleanUp, isCleanUpHopeless, releaseNode } from './clean-up.ts'
import type { MachineContext } from './context.ts'
import { drainMachine, endDrain, releaseMachineVolumes } from './drain-machine.ts'
import type { MachineMemory } from './machine-memory.ts'
import type { MachineObservation } from './observation.ts'
import { observeMachine } from './observe.ts'
import {
  decideTermination,
  deletionFailedStatement,
  drainStatement,
  isPastHope,
  leavingSince,
  releasingStatement,
  type TerminationMemory,
  type TerminationStep,
  terminatingCondition,
} from './termination.ts'
import { lookForNode, lookForServer } from './whereabouts.ts'
import { removeFinalizer, writeStatus } from './write.ts'
import { stateNodeCondition } from './write-node.ts'

/** Everything that a step of a termination acts upon. */
interface Leaving {
  readonly context: MachineContext
  readonly memory: MachineMemory
  readonly signal: AbortSignal
  /** Puts the machine back into the queue. */
  readonly wake: () => void
}

const deletionLookBackoff = { firstMilliseconds: 250, longestMilliseconds: 5000 }
const deletionFailureBackoff = { firstMilliseconds: 1000, longestMilliseconds: 60_000 }
/** For what only somebody's help can end. */
const deletionRefusedBackoff = { firstMilliseconds: 10_000, longestMilliseconds: 180_000 }
/** Between two reports of a drain: when its trouble is another, and when only its details are. */
const newsPauseMilliseconds = 2000
const statePauseMilliseconds = 30_000
/** More steps than a termination has; a machine that takes more in one go lets others go first. */
const mostSteps = 20

/** Takes a machine that is to go as far as it gets: steps that need not wait follow each other at once. */
export async function terminate(leaving: Leaving, name: string): Promise<Outcome> {
  const { context, memory } = leaving
  if (memory.leaving.finished) return done
  for (let steps = 0; steps < mostSteps; steps++) {
    const machine = context.machineReader.get({ namespace: context.namespace, name })
    if (machine === undefined) return done
    const observed = observeMachine(context, machine)
    const step = decideTermination(observed, terminationMemory(memory), context.clock.now())
    const outcome = await take(leaving, observed, step)
    if (outcome !== undefined) return outcome
  }
  return again(1000)
}

function terminationMemory({ leaving }: MachineMemory): TerminationMemory {
  const { began, drained, holdsVolumes, serverGone, lookedForServer, lookedForNode } = leaving
  return { began, drained, holdsVolumes, serverGone, lookedForServer, lookedForNode }
}

/** Takes one step; undefined means that the next may follow. */
async function take(
  leaving: Leaving,
  observed: MachineObservation,
  step: TerminationStep,
): Promise<Outcome | undefined> {
  const { context, memory } = leaving
  const { machine } = observed
  memory.leaving.began ??= context.clock.now()
  switch (step.kind) {
    case 'state':
      await writeStatus(context, machine, step.statement)
      return undefined
    case 'look-for-server':
      return lookForServer(leaving, observed)
    case 'look-for-node':
      return lookForNode(leaving, observed)
    case 'drain':
      return drain(leaving, observed)
    case 'release-volumes':
      return release(leaving, observed)
    case 'delete-server':
      return deleteServer(leaving, observed, step.view)
    case 'delete-node':
      return deleteNode(leaving, observed)
    case 'finish':
      return finish(leaving, observed)
    case 'wait':
      await writeStatus(context, machine, step.statement)
      return again(step.milliseconds)
    case 'blocked':
      await writeStatus(context, machine, step.statement)
      return blocked(step.reason)
  }
}

async function drain(leaving: Leaving, observed: MachineObservation): Promise<Outcome | undefined> {
  const { context, memory } = leaving
  const { machine } = observed
  const progress = await drainMachine(leaving, observed, { purpose: 'deletion', since: leavingSince(machine) })
  if (progress?.kind === 'draining') {
    if (progress.reason !== 'LookingAtPods') await announce(leaving, observed)
    return again(Math.min(progress.milliseconds, await stateDrain(leaving, machine, progress)))
  }
  const now = context.clock.now()
  const began = memory.leaving.began ?? now
  // An empty machine costs no write.
  if (progress !== undefined && (progress.movedPods || progress.leftAttached.length > 0)) {
    await writeStatus(context, machine, drainStatement(machine, progress, now))
    context.times.drained(machine, now - began)
  }
  memory.leaving.drained = true
  memory.leaving.holdsVolumes = progress !== undefined && (progress.forced || progress.leftAttached.length > 0)
  if (!memory.leaving.holdsVolumes) endDrain(memory)
  return undefined
}

/** Says on the Node that it is going, once there is something for others to wait for. Nothing depends on it. */
async function announce({ context, memory }: Leaving, observed: MachineObservation): Promise<void> {
  const { target } = context
  const { node } = observed
  if (memory.leaving.announced || target === undefined || node === undefined) return
  memory.leaving.announced = true
  try {
    await stateNodeCondition(context, target, { node, statement: terminatingCondition(observed) })
  } catch (error) {
    const fields = { node: node.metadata.name, error: describe(error) }
    context.log.warn(fields, 'a node could not be told that it is going')
  }
}

/** Writes the drain's progress down: grave news soon, others rarely, and none of a drain that is over in a moment. Returns when to look again. */
async function stateDrain({ context, memory }: Leaving, machine: Machine, progress: DrainProgress): Promise<number> {
  const { leaving } = memory
  const now = context.clock.now()
  const reason = progress.kind === 'draining' ? progress.reason : ''
  const pause = reason === leaving.statedReason ? statePauseMilliseconds : newsPauseMilliseconds
  const first = reason === 'MovingPods' || reason === 'LookingAtPods' ? now : now - newsPauseMilliseconds
  leaving.statedAt ??= first
  const due = leaving.statedAt + pause
  if (now < due) return due - now
  leaving.statedAt = now
  leaving.statedReason = reason
  await writeStatus(context, machine, drainStatement(machine, progress, now))
  return statePauseMilliseconds
}

async function release(leaving: Leaving, observed: MachineObservation): Promise<Outcome | undefined> {
  const { context, memory } = leaving
  const { machine } = observed
  const progress = await releaseMachineVolumes(leaving, observed)
  if (progress.kind === 'releasing') {
    await writeStatus(context, machine, releasingStatement(progress.message))
    return again(progress.milliseconds)
  }
  memory.leaving.drained = true
  memory.leaving.holdsVolumes = false
  endDrain(memory)
  return undefined
}

async function deleteServer(
  { context, memory, signal }: Leaving,
  { machine }: MachineObservation,
  view: ClassView,
): Promise<Outcome | undefined> {
  const { clock, random, driver } = context
  const { leaving } = memory
  if (leaving.deletionNotBefore > clock.now()) return again(leaving.deletionNotBefore - clock.now())
  const providerId = machine.spec?.providerID
  const identity = { machineName: machine.metadata.name, ...(providerId === undefined ? {} : { providerId }) }
  try {
    const outcome = await driver.deleteMachine({ ...identity, ...view.settings }, { signal })
    if (outcome === 'deleting') return again(pauseMilliseconds(deletionLookBackoff, ++leaving.deletionLooks, random))
    leaving.serverGone = true
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    const code = machineCodeOf(error, 'deleteMachine')
    const backoff = machineCodes[code].retry === 'soon' ? deletionFailureBackoff : deletionRefusedBackoff
    const pause = pauseMilliseconds(backoff, ++leaving.deletionFailures, random)
    leaving.deletionNotBefore = clock.now() + pause
    context.log.warn({ machine: machine.metadata.name, error: describe(error) }, 'a server could not be deleted')
    context.events.warn(machine, 'DeletionFailed', `Cloud provider message - ${describe(error)}`)
    await writeStatus(context, machine, deletionFailedStatement(code, describe(error)))
    return again(pause)
  }
}

async function deleteNode({ context, memory }: Leaving, observed: MachineObservation): Promise<Outcome | undefined> {
  const { target, clock } = context
  const { name = '' } = observed.node?.metadata ?? {}
  try {
    if (target !== undefined && observed.node !== undefined) await releaseNode(target, observed.node)
  } catch (error) {
    if (!isPastHope(observed, terminationMemory(memory), clock.now())) throw error
    context.log.warn({ node: name, error: describe(error) }, 'the node of a deleted machine was left behind')
  }
  return finish({ context, memory }, observed)
}

/** The informers may show the Node, the report and the token for a moment longer: what follows their deletion does not wait for that. */
async function finish(
  { context, memory }: Pick<Leaving, 'context' | 'memory'>,
  observed: MachineObservation,
): Promise<Outcome> {
  const { machine } = observed
  const { leaving } = memory
  const { clock } = context
  try {
    if (!isCleanUpHopeless(leaving, clock.now())) await cleanUp(context, observed)
  } catch (error) {
    leaving.cleanUpFailures++
    leaving.cleanUpFailedSince ??= clock.now()
    throw error
  }
  await removeFinalizer(context, machine)
  leaving.finished = true
  context.times.deleted(machine, clock.now() - (leaving.began ?? clock.now()))
  context.events.flock(machine, 'MachinesGone', 'gone with all that was theirs')
  context.log.info({ machine: machine.metadata.name }, 'machine deleted')
  return done
}
