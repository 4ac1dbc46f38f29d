import { type Node, nodes } from '@trellis/api/core/node'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { describe, isFailure } from '@trellis/foundation/failure'
import { again, blocked, type Outcome } from '@trellis/kubernetes/controller'
import type { ClassView } from '../machine-class/resolve.ts'
import { awaitTurn, withoutAvoided, yieldTurn } from './class-turn.ts'
import type { MachineContext } from './context.ts'
import {
  decideLaunch,
  launchedStatement,
  launchFailedStatement,
  launchPatch,
  nextTry,
  staleNodeStatement,
} from './launch.ts'
import { liveFields } from './live-fields.ts'
import type { MachineMemory } from './machine-memory.ts'
import { isNodeOf } from './node-loss.ts'
import type { MachineObservation } from './observation.ts'
import { createdAt } from './phase.ts'
import { ensureToken, tokenFor } from './tokens.ts'
import { fillUserData, needsToken, userDataOf } from './user-data.ts'
import { patchMachine, writeStatus } from './write.ts'

/** Gets the machine its server. Undefined when it has one, so that the next step may follow. */
export async function launch(
  context: MachineContext,
  observed: MachineObservation,
  { memory, signal }: { readonly memory: MachineMemory; readonly signal: AbortSignal },
): Promise<Outcome | undefined> {
  const { machine } = observed
  const decision = decideLaunch(observed, memory.tries, context.clock.now())
  switch (decision.kind) {
    case 'launched':
      return undefined
    case 'wait':
      return again(decision.milliseconds)
    case 'blocked':
      await writeStatus(context, machine, decision.statement)
      return blocked(decision.reason)
    case 'fail':
      await writeStatus(context, machine, decision.statement)
      context.shortages.leave(machine.metadata.name)
      context.events.warn(machine, 'LaunchGivenUp', decision.statement.operation?.description ?? '')
      return blocked('the machine failed')
    case 'launch': {
      const turn = await awaitTurn(context, machine, decision.view)
      if (turn !== undefined) return turn
      return tryLaunch(context, observed, { memory, signal, view: decision.view })
    }
  }
}

async function tryLaunch(
  context: MachineContext,
  observed: MachineObservation,
  { memory, signal, view }: { readonly memory: MachineMemory; readonly signal: AbortSignal; readonly view: ClassView },
): Promise<Outcome> {
  const { machine, settings } = observed
  const { clock, random, log } = context
  const began = clock.now()
  let made: ProviderMachine
  try {
    made = await makeServer(context, machine, view, signal)
  } catch (error) {
    signal.throwIfAborted()
    log.warn({ machine: machine.metadata.name, error: describe(error) }, 'a server could not be made')
    if (isFailure(error, 'Exhausted')) return yieldTurn(context, machine, { view, error, signal })
    context.shortages.leave(machine.metadata.name)
    memory.tries = nextTry(memory.tries, error, { random, settings, classVersion: view.version, now: clock.now() })
    return tellFailure(context, machine, error, memory.tries.notBefore)
  }
  context.shortages.made(machine.spec?.class?.name ?? '', machine.metadata.name)
  context.shortages.leave(machine.metadata.name)
  // A server that fails later is one more failure, not the first: only joining ends the count.
  if (memory.tries !== undefined) memory.tries = { ...memory.tries, notBefore: 0 }
  memory.joining = { server: made.state }
  context.times.created(machine, clock.now() - began)
  log.info({ machine: machine.metadata.name, providerId: made.providerId }, 'server made')
  const stale = await staleNode(context, machine, made)
  if (stale !== undefined) return giveBack(context, machine, { made, view, signal })
  const patch = launchPatch(machine, made, liveFields(context.driver, view.settings.providerSpec))
  const patched = patch === undefined ? machine : await patchMachine(context, machine, patch)
  const conditions = withoutAvoided(patched)
  const statement = launchedStatement(made, context.target !== undefined)
  await writeStatus(context, patched, conditions === undefined ? statement : { ...statement, conditions })
  // The machine's own change brings it back; this covers a watch that is down.
  return again(Math.max(1000, createdAt(machine) + 5000 - clock.now()))
}

async function tellFailure(
  context: MachineContext,
  machine: Machine,
  error: unknown,
  notBefore: number,
): Promise<Outcome> {
  const statement = launchFailedStatement(error)
  if (machine.status?.lastOperation?.description !== statement.operation?.description) {
    context.events.warn(machine, 'LaunchFailed', statement.operation?.description ?? '')
  }
  await writeStatus(context, machine, statement)
  return again(notBefore - context.clock.now())
}

async function makeServer(
  context: MachineContext,
  machine: Machine,
  view: ClassView,
  signal: AbortSignal,
): Promise<ProviderMachine> {
  const { driver, clock } = context
  const machineName = machine.metadata.name
  const template = userDataOf(view.settings.secret, view.machineClass.metadata.name)
  const userData = await completeUserData(context, machine, template)
  const made = await driver.createMachine({ machineName, userData, ...view.settings }, { signal })
  if (made.initialized) return made
  const began = clock.now()
  const initialized = await initialize(context, { machineName, providerId: made.providerId, ...view.settings }, signal)
  if (initialized === undefined) return made
  context.times.initialized(machine, clock.now() - began)
  return initialized
}

/** Undefined when the cloud knows no such step. */
async function initialize(
  { driver }: MachineContext,
  request: MachineRequest,
  signal: AbortSignal,
): Promise<ProviderMachine | undefined> {
  try {
    return await driver.initializeMachine(request, { signal })
  } catch (error) {
    if (isFailure(error, 'Unimplemented')) return undefined
    throw error
  }
}

/** A Node that bears the server's node name and is not this machine's: the cloud gave the name of an earlier server out again. Read afresh before it is believed. */
async function staleNode(
  { target }: MachineContext,
  machine: Machine,
  { nodeName }: ProviderMachine,
): Promise<Node | undefined> {
  if (
    target === undefined ||
    nodeName === machine.metadata.name ||
    target.nodes.get({ name: nodeName }) === undefined
  ) {
    return undefined
  }
  const node = await target.client.find(nodes, { name: nodeName })
  return node === undefined || isNodeOf(machine, node) ? undefined : node
}

/** The kubelet of such a server would take the old Node for its own: the server is deleted, and whoever owns the machine replaces it. */
async function giveBack(
  context: MachineContext,
  machine: Machine,
  { made, view, signal }: { readonly made: ProviderMachine; readonly view: ClassView; readonly signal: AbortSignal },
): Promise<Outcome> {
  const machineName = machine.metadata.name
  await context.driver.deleteMachine({ machineName, providerId: made.providerId, ...view.settings }, { signal })
  const statement = staleNodeStatement(made)
  await writeStatus(context, machine, statement)
  context.events.warn(machine, 'StaleNode', statement.operation?.description ?? '')
  return blocked('the machine failed')
}

async function completeUserData(context: MachineContext, machine: Machine, template: string): Promise<string> {
  const machineName = machine.metadata.name
  if (!needsToken(template)) return fillUserData(template, { machineName, token: { id: '', secret: '' } })
  const token = await tokenFor(context, machine)
  try {
    await ensureToken(context, machine, token)
  } catch (error) {
    // With a key the token can be made valid at any later time; without one this was the only place where it is kept.
    if (context.tokens.key === undefined) throw error
    context.log.warn({ machine: machineName, error: describe(error) }, 'a bootstrap token will be made valid later')
  }
  return fillUserData(template, { machineName, token })
}
