import { describe } from '@trellis/foundation/failure'
import { again, type Outcome } from '@trellis/kubernetes/controller'
import type { Following } from './follow-machine.ts'
import { nextTry } from './launch.ts'
import { appliedFields, appliedFieldsPatch, decideLiveUpdate } from './live-fields.ts'
import type { MachineObservation } from './observation.ts'
import type { Turns } from './turns.ts'
import { patchMachine } from './write.ts'

/** Servers that are changed at a time: an edit of a class concerns all of its machines at once, and the cloud has more to do. */
export const updatesAtATime = 10

/** Should nobody wake a machine that waits for its turn. */
const turnMilliseconds = 10_000

/**
 * Brings the machine's server up to an edit of its class, as far as the driver can: one call, then one write. What fails is told in an event and tried
 * again with the backoff of creation; the machine's health is another matter. Undefined when there is nothing to do.
 */
export async function followClass(
  following: Following,
  observed: MachineObservation,
  turns: Turns,
): Promise<Outcome | undefined> {
  const { context, memory, signal } = following
  const { machine } = observed
  const { driver, clock, log } = context
  const decision = decideLiveUpdate(observed, { driver, tries: memory.updateTries, now: clock.now() })
  if (decision.kind === 'none') return undefined
  if (decision.kind === 'wait') return again(decision.milliseconds)
  const { name: machineName } = machine.metadata
  if (!turns.take(machineName)) return again(turnMilliseconds)
  const { view, fields } = decision
  const providerId = machine.spec?.providerID
  const identity = { machineName, ...(providerId === undefined ? {} : { providerId }) }
  try {
    await driver.updateMachine?.({ ...identity, ...view.settings }, { signal })
  } catch (error) {
    signal.throwIfAborted()
    return tellFailure(following, observed, { error, classVersion: view.version })
  } finally {
    turns.give()
  }
  await patchMachine(context, machine, appliedFieldsPatch(fields))
  memory.updateTries = undefined
  context.events.flock(machine, 'MachinesFollowedClass', 'followed their class')
  log.info({ machine: machineName, fields }, 'server changed as its class says')
  return undefined
}

async function tellFailure(
  { context, memory }: Following,
  { machine, settings }: MachineObservation,
  { error, classVersion }: { readonly error: unknown; readonly classVersion: string },
): Promise<Outcome> {
  const { clock, random, log, events } = context
  const told = `The server could not be changed as its class says, and stays as it is. Cloud provider message - ${describe(error)}`
  log.warn({ machine: machine.metadata.name, error: describe(error) }, 'a server could not be changed')
  if (memory.updateTries?.told !== told) events.warn(machine, 'ClassNotApplied', told)
  const now = clock.now()
  const tries = nextTry(memory.updateTries, error, { random, settings, classVersion, now })
  memory.updateTries = { ...tries, told }
  // The cloud may have acted all the same: a restart must not take the server for what it was, should the class go back to that.
  if (appliedFields(machine) !== undefined) await patchMachine(context, machine, appliedFieldsPatch(null))
  return again(tries.notBefore - now)
}
