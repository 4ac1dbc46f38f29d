import { configMaps, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { joinReportName, joinReportNamespace } from '@trellis/api/join-report'
import { machineCodeOf } from '@trellis/cloudprovider/contract/machine-codes'
import { describe } from '@trellis/foundation/failure'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import { again, blocked, done, type Outcome } from '@trellis/kubernetes/controller'
import type { ClassView } from '../machine-class/resolve.ts'
import { tokenNamespace, tokenSecretName } from './bootstrap-token.ts'
import type { MachineContext } from './context.ts'
import type { DrainDecision } from './drain.ts'
import { removePod, startDrainSession } from './drain-session.ts'
import type { LeavingMemory, MachineMemory } from './machine-memory.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { observeMachine, tokenIdOf } from './observe.ts'
import {
  decideTermination,
  deletionFailedStatement,
  drainingStatement,
  forcedBecause,
  isPastHope,
  type TerminationMemory,
  type TerminationStep,
} from './termination.ts'
import { removeFinalizer, writeStatus } from './write.ts'

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
const statePauseMilliseconds = 2000
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
    const step = decideTermination(observed, terminationMemory(memory.leaving), context.clock.now())
    const outcome = await take(leaving, observed, step)
    if (outcome !== undefined) return outcome
  }
  return again(1000)
}

function terminationMemory(memory: LeavingMemory): TerminationMemory {
  return {
    cordoned: memory.cordoned,
    pods: memory.session?.pods(),
    attempts: memory.attempts,
    forcedSince: memory.forcedSince,
    movedPods: memory.movedPods,
    drained: memory.drained,
    serverGone: memory.serverGone,
  }
}

/** Takes one step; undefined means that the next may follow. */
async function take(
  leaving: Leaving,
  observed: MachineObservation,
  step: TerminationStep,
): Promise<Outcome | undefined> {
  const { context, memory } = leaving
  const { machine } = observed
  switch (step.kind) {
    case 'state':
      memory.leaving.began ??= context.clock.now()
      await writeStatus(context, machine, step.statement)
      return undefined
    case 'force': {
      const reason = forcedBecause(observed, context.clock.now())
      memory.leaving.forcedSince = context.clock.now()
      context.events.warn(machine, 'DrainForced', `Pods are deleted without grace: ${reason}`)
      return undefined
    }
    case 'cordon':
      return cordon(leaving, observed)
    case 'watch-pods':
      return watchPods(leaving, observed)
    case 'move-pods':
      return movePods(leaving, observed, step)
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

async function cordon({ context, memory }: Leaving, observed: MachineObservation): Promise<undefined> {
  const name = observed.node?.metadata.name ?? ''
  try {
    await context.target?.client.patch(nodes, { name }, { spec: { unschedulable: true } }, { type: 'merge' })
  } catch (error) {
    if (memory.leaving.forcedSince === undefined) throw error
    context.log.warn({ node: name, error: describe(error) }, 'a node that is given up could not be cordoned')
  }
  memory.leaving.cordoned = true
}

function watchPods({ context, memory, wake }: Leaving, { node }: MachineObservation): Outcome {
  const client = context.target?.client
  if (client !== undefined && node !== undefined) {
    const { clock, random, log } = context
    memory.leaving.session ??= startDrainSession({ clock, random, log, client }, node.metadata.name, wake)
  }
  // The session wakes the machine; this only keeps the deadline.
  return again(30_000)
}

async function movePods(
  { context, memory }: Leaving,
  { machine }: MachineObservation,
  step: { readonly drain: DrainDecision; readonly forced: boolean },
): Promise<Outcome> {
  const client = context.target?.client
  const { attempts } = memory.leaving
  memory.leaving.movedPods = true
  if (client !== undefined) {
    await Promise.all(
      step.drain.removals.map(async ({ pod, how }) => {
        const uid = pod.metadata.uid ?? ''
        attempts.set(uid, await removePod({ ...context, client }, pod, how, attempts.get(uid)))
      }),
    )
  }
  const now = context.clock.now()
  const { statedAt } = memory.leaving
  if (statedAt === undefined || now - statedAt >= statePauseMilliseconds) {
    memory.leaving.statedAt = now
    await writeStatus(context, machine, drainingStatement(machine, step, now))
  }
  // Attempts that were made just now have moments of their own to come back.
  const soonest = step.drain.removals.map(({ pod }) => attempts.get(pod.metadata.uid ?? '')?.notBefore ?? now)
  return again(Math.max(50, Math.min(step.drain.nextAt, ...soonest, now + 60_000) - now))
}

async function deleteServer(
  { context, memory, signal }: Leaving,
  { machine }: MachineObservation,
  view: ClassView,
): Promise<Outcome | undefined> {
  const { clock, random, driver } = context
  const { leaving } = memory
  if (!leaving.drained) {
    leaving.drained = true
    leaving.session?.[Symbol.dispose]()
    leaving.session = undefined
    if (leaving.movedPods) context.times.drained(machine, clock.now() - (leaving.began ?? clock.now()))
  }
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
    const pause = pauseMilliseconds(deletionFailureBackoff, ++leaving.deletionFailures, random)
    leaving.deletionNotBefore = clock.now() + pause
    context.log.warn({ machine: machine.metadata.name, error: describe(error) }, 'a server could not be deleted')
    await writeStatus(context, machine, deletionFailedStatement(machineCodeOf(error, 'deleteMachine'), describe(error)))
    return again(pause)
  }
}

async function deleteNode({ context, memory }: Leaving, observed: MachineObservation): Promise<Outcome | undefined> {
  const { target, clock } = context
  const { name = '', uid } = observed.node?.metadata ?? {}
  try {
    await target?.client.delete(nodes, { name }, uid === undefined ? {} : { uid })
  } catch (error) {
    if (!isPastHope(observed, terminationMemory(memory.leaving), clock.now())) throw error
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
  const most = 5
  try {
    if (leaving.cleanUpFailures < most) await cleanUp(context, observed)
  } catch (error) {
    leaving.cleanUpFailures++
    throw error
  }
  await removeFinalizer(context, machine)
  leaving.finished = true
  context.times.deleted(machine, context.clock.now() - (leaving.began ?? context.clock.now()))
  context.log.info({ machine: machine.metadata.name }, 'machine deleted')
  return done
}

async function cleanUp(context: MachineContext, observed: MachineObservation): Promise<void> {
  const { machine, report, tokenSecret, node, target } = observed
  const client = context.target?.client
  if (client === undefined) return
  const reportKey = { namespace: joinReportNamespace, name: joinReportName(machine.metadata.name) }
  const tokenKey = { namespace: tokenNamespace, name: tokenSecretName(tokenIdOf(context, machine)) }
  if (report !== undefined) await client.delete(configMaps, reportKey)
  if (tokenSecret !== undefined) await client.delete(secrets, tokenKey)
  const name = nodeNameOf(machine)
  const neverSeen = node === undefined && target.kind === 'known' && (machine.status?.conditions ?? []).length === 0
  // A kubelet may have registered its Node just before its server was deleted, later than the informer could tell.
  if (neverSeen && name !== undefined) await client.delete(nodes, { name })
}
