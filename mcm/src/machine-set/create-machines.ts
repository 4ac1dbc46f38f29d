import { type Machine, machines } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineEventReasons } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { describe, isFailure } from '@trellis/foundation/failure'
import { settleInTurns } from '../common/in-turns.ts'
import { controllerOf } from '../common/ownership.ts'
import type { MachineSetContext } from './context.ts'
import type { Expectations } from './expectations.ts'
import { machineOf } from './template.ts'
import { type Trouble, trouble } from './trouble.ts'

/** Makes that many machines. Creations begin with one and double while they succeed, so that a quota of the API server costs one refusal, not hundreds. */
export async function createMachines(
  context: MachineSetContext,
  expectations: Expectations,
  set: MachineSet,
  count: number,
): Promise<Trouble | undefined> {
  const uid = set.metadata.uid ?? ''
  let made = 0
  let left = count
  const tryOne = async () => {
    expectations.planned(uid, left)
    try {
      await createOne(context, expectations, set)
    } finally {
      left -= 1
      expectations.planned(uid, left)
    }
  }
  for (let batch = 1; made < count; batch *= 2) {
    const size = Math.min(batch, count - made)
    const tries = await settleInTurns(Array.from({ length: size }), tryOne)
    const failed = tries.find((result) => result.status === 'rejected')
    made += tries.filter((result) => result.status === 'fulfilled').length
    if (failed !== undefined) {
      expectations.planned(uid, 0)
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

async function createOne(context: MachineSetContext, expectations: Expectations, set: MachineSet): Promise<void> {
  const uid = set.metadata.uid ?? ''
  const machine = nextMachine(context, expectations, set)
  try {
    const made = await makeOrFind(context, machine, uid)
    expectations.created(uid, made.metadata.uid ?? '')
  } catch (error) {
    // It may have been made all the same: the next try asks for the same name, so that there are never two.
    if (!isFailure(error) || isFailure(error, 'Unavailable', 'Timeout'))
      expectations.unanswered(uid, machine.metadata.name)
    throw error
  }
}

/** A machine of that name that is the set's already was made by an earlier try, whose answer was lost. */
async function makeOrFind({ control }: MachineSetContext, machine: Machine, setUid: string): Promise<Machine> {
  try {
    return await control.create(machines, machine)
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
    const taken = await control.find(machines, keyOf(machine))
    if (taken === undefined || controllerOf(taken)?.uid !== setUid) throw error
    return taken
  }
}

/** The machine to make next: one that was asked for in vain and was not there when the set was counted, or a new one. */
function nextMachine({ random }: MachineSetContext, expectations: Expectations, set: MachineSet): Machine {
  const machine = machineOf(set, random.text(5))
  const name = expectations.nextUnanswered(set.metadata.uid ?? '')
  return name === undefined ? machine : { ...machine, metadata: { ...machine.metadata, name } }
}
