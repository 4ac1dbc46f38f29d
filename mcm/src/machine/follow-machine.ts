import { secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { describe, Failure, isFailure } from '@trellis/foundation/failure'
import { again, done, type Outcome } from '@trellis/kubernetes/controller'
import type { ClassView } from '../machine-class/resolve.ts'
import { deriveBootstrapToken, tokenNamespace } from './bootstrap-token.ts'
import type { MachineContext } from './context.ts'
import { awaitingPermit, decideHealth } from './health.ts'
import { takeConsole } from './join-story.ts'
import { decideJoining, type JoiningDecision } from './joining.ts'
import { launchFailedStatement, nextTry } from './launch.ts'
import type { MachineMemory } from './machine-memory.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import type { ReplacementPermits } from './permits.ts'
import { createdAt, phaseOf, phaseSince, type StatusStatement } from './phase.ts'
import { convincingLooks, lookAtLostServer, nextServerLook, serverLostStatement } from './server-loss.ts'
import { syncNode } from './sync-node.ts'
import { ensureToken, tokenFor } from './tokens.ts'
import { needsToken, userDataKey } from './user-data.ts'
import { writeStatus } from './write.ts'

/** What following a machine works with. */
export interface Following {
  readonly context: MachineContext
  readonly memory: MachineMemory
  readonly permits: ReplacementPermits
  readonly signal: AbortSignal
  /** Puts the machine back into the queue. */
  readonly wake: () => void
}

/** Follows a machine whose server was made until it is a healthy node. */
export async function followJoining(following: Following, observed: MachineObservation): Promise<Outcome> {
  const { context, memory } = following
  const { machine } = observed
  const decision = decideJoining(observed, memory.joining, context.clock.now())
  if (decision.kind === 'joined') {
    await syncNode(context, observed)
    await writeStatus(context, machine, decision.statement)
    memory.tries = undefined
    context.times.joined(machine, context.clock.now() - createdAt(machine))
    context.events.flock(machine, 'MachinesJoined', 'joined')
    await dropToken(following, observed)
    return done
  }
  if (decision.kind === 'fail') return giveUpJoining(following, observed)
  await syncNode(context, observed)
  if (decision.look) {
    const trouble = await lookAtServer(following, observed)
    if (trouble !== undefined) return trouble
  }
  await writeStatus(context, machine, await withConsole(following, observed, decision))
  const renewal = await keepToken(context, observed)
  return again(Math.min(decision.milliseconds, renewal ?? Number.POSITIVE_INFINITY))
}

/** Follows a machine that has been a node. */
export async function followHealth(following: Following, observed: MachineObservation): Promise<Outcome> {
  const { context } = following
  const { machine } = observed
  await syncNode(context, observed)
  await dropToken(following, observed)
  const decision = decideHealth(observed, context.clock.now())
  if (decision.kind === 'keep') {
    const { phase, operation } = decision.statement
    // What is known of its server says more than its Node does: two statements would follow each other without end.
    if (phase === 'Running' || !isServerLost(following, machine))
      await writeStatus(context, machine, decision.statement)
    tellHealth(context, machine, phase, operation?.description ?? '')
    if (decision.milliseconds === undefined) return done
    return followServer(following, observed, decision.milliseconds)
  }
  return giveUp(following, observed, (fresh) => {
    const confirmed = decideHealth(fresh, context.clock.now())
    return confirmed.kind === 'fail' ? confirmed.statement : undefined
  })
}

/** Whether looks in its present phase have proved that the machine's server is gone. */
function isServerLost({ memory }: Following, machine: Machine): boolean {
  const { looks } = memory
  return looks !== undefined && looks.lookedAt >= phaseSince(machine) && looks.bad >= convincingLooks
}

/** Watches over the server of a machine that is ill: one that was taken away will not get well, whatever the health timeout. */
async function followServer(
  following: Following,
  observed: MachineObservation,
  healthMilliseconds: number,
): Promise<Outcome> {
  const { context, memory, signal } = following
  const { clock } = context
  const since = phaseSince(observed.machine)
  if (clock.now() >= nextServerLook(since, memory.looks)) {
    const before = memory.looks !== undefined && memory.looks.lookedAt >= since ? memory.looks : undefined
    memory.looks = await lookAtLostServer(context, observed, { before, signal })
  }
  const { why = '' } = memory.looks ?? {}
  if (isServerLost(following, observed.machine)) {
    return giveUp(following, observed, (fresh) => {
      const recovered = decideHealth(fresh, clock.now()).statement.phase === 'Running'
      return recovered ? undefined : serverLostStatement(why)
    })
  }
  return again(Math.min(healthMilliseconds, Math.max(1, nextServerLook(since, memory.looks) - clock.now())))
}

/** Gives a machine up when its deployment may lose one more and a fresh look at its Node confirms what is wrong: `confirm` then returns the status to write. */
export async function giveUp(
  { context, permits }: Following,
  observed: MachineObservation,
  confirm: (fresh: MachineObservation) => StatusStatement | undefined,
): Promise<Outcome> {
  const permit = permits.take(observed.machine)
  if ('refused' in permit) {
    const meant = confirm(observed)
    if (meant !== undefined) await writeStatus(context, observed.machine, awaitingPermit(meant, permit.refused))
    return again(permits.recheckMilliseconds)
  }
  try {
    const statement = confirm(await withFreshNode(context, observed))
    if (statement === undefined) return again(1000)
    const outcome = await fail(context, observed, statement)
    permit.keep()
    return outcome
  } finally {
    permit.release()
  }
}

function tellHealth({ events }: MachineContext, machine: Machine, phase: MachinePhase | undefined, why: string): void {
  const before = phaseOf(machine)
  if (phase === 'Unknown' && before === 'Running') events.warn(machine, 'Unhealthy', why)
  if (phase === 'Running' && before !== 'Running') events.normal(machine, 'Recovered', why)
}

/** Adds the console to what is said of a machine that is late, and tells people, once. */
async function withConsole(
  { context, memory, signal }: Following,
  { machine, classView }: MachineObservation,
  decision: Extract<JoiningDecision, { kind: 'wait' }>,
): Promise<StatusStatement> {
  if (!decision.console || !classView.ok) return decision.statement
  memory.joining = { ...memory.joining, consoleRead: true }
  const why = decision.statement.operation?.description ?? ''
  context.events.warn(machine, 'JoiningLate', why)
  const console = await readConsole(context, machine, classView.value, signal)
  return console === undefined ? decision.statement : { ...decision.statement, console }
}

function readConsole(context: MachineContext, machine: Machine, view: ClassView, signal: AbortSignal) {
  const providerId = machine.spec?.providerID
  const identity = { machineName: machine.metadata.name, ...(providerId === undefined ? {} : { providerId }) }
  return takeConsole(context.driver, { ...identity, ...view.settings }, { now: context.clock.now(), signal })
}

async function giveUpJoining(following: Following, observed: MachineObservation): Promise<Outcome> {
  const { context, memory, signal } = following
  const confirmed = decideJoining(await withFreshNode(context, observed), memory.joining, context.clock.now())
  if (confirmed.kind !== 'fail') return again(1000)
  const { machine, classView } = observed
  const console = classView.ok ? await readConsole(context, machine, classView.value, signal) : undefined
  context.times.failedToJoin(machine)
  return fail(context, observed, { ...confirmed.statement, ...(console === undefined ? {} : { console }) })
}

/** Before a machine is given up its Node is read from the API server itself: an informer may be stale, and a server that does not answer proves nothing. */
export async function withFreshNode(
  context: MachineContext,
  observed: MachineObservation,
): Promise<MachineObservation> {
  const name = nodeNameOf(observed.machine)
  if (name === undefined || context.target === undefined) return observed
  return { ...observed, node: await context.target.client.find(nodes, { name }) }
}

async function fail(
  context: MachineContext,
  { machine }: MachineObservation,
  statement: StatusStatement,
): Promise<Outcome> {
  await writeStatus(context, machine, statement)
  context.events.warn(machine, 'MachineFailed', statement.operation?.description ?? '')
  context.log.warn({ machine: machine.metadata.name, why: statement.operation?.description }, 'machine failed')
  return done
}

/** Asks the cloud about a server that has not joined: it may have failed, stopped or been deleted by somebody. */
async function lookAtServer(
  { context, memory, signal }: Following,
  { machine, classView, settings }: MachineObservation,
): Promise<Outcome | undefined> {
  if (!classView.ok) return undefined
  const providerId = machine.spec?.providerID
  const identity = { machineName: machine.metadata.name, ...(providerId === undefined ? {} : { providerId }) }
  const lookedAt = context.clock.now()
  try {
    const server = await context.driver.getMachineStatus({ ...identity, ...classView.value.settings }, { signal })
    memory.joining = { ...memory.joining, lookedAt, server: server.state }
    if (server.state !== 'failed') return undefined
    return await beginAnew(new Failure('Unavailable', `the server failed: ${server.reason ?? 'no reason is known'}`))
  } catch (error) {
    signal.throwIfAborted()
    memory.joining = { ...memory.joining, lookedAt }
    // Any other trouble of the cloud says nothing about the server.
    return isFailure(error, 'NotFound') ? beginAnew(error) : undefined
  }

  async function beginAnew(error: Failure): Promise<Outcome> {
    const { clock, random } = context
    const classVersion = classView.ok ? classView.value.version : ''
    memory.tries = nextTry(memory.tries, error, { random, settings, classVersion, now: clock.now() })
    context.events.warn(machine, 'ServerLost', describe(error))
    // The next server's Node is another one: nothing is known of it yet.
    await writeStatus(context, machine, { ...launchFailedStatement(error), conditions: [] })
    return again(memory.tries.notBefore - clock.now())
  }
}

/** Keeps the token valid while the machine may still need it. */
async function keepToken(
  context: MachineContext,
  { machine, classView }: MachineObservation,
): Promise<number | undefined> {
  const userData = classView.ok ? classView.value.settings.secret[userDataKey] : undefined
  if (userData === undefined || !needsToken(userData)) return undefined
  if (context.target?.tokens.hasSynced() !== true) return undefined
  const token =
    context.tokens.key === undefined
      ? await tokenFor(context, machine)
      : deriveBootstrapToken(context.tokens.key, machine.metadata.uid ?? '')
  return ensureToken(context, machine, token)
}

/** A machine that joined needs its token no longer. The informer may show it for a moment after it was deleted. */
async function dropToken({ context, memory }: Following, { tokenSecret }: MachineObservation): Promise<void> {
  if (tokenSecret === undefined || tokenSecret.metadata.uid === memory.droppedToken) return
  await context.target?.client.delete(secrets, { namespace: tokenNamespace, name: tokenSecret.metadata.name })
  memory.droppedToken = tokenSecret.metadata.uid
}
