import { nodes } from '@trellis/api/core/node'
import { isFailure } from '@trellis/foundation/failure'
import { again, type Outcome } from '@trellis/kubernetes/controller'
import type { MachineContext } from './context.ts'
import { launchPatch } from './launch.ts'
import type { MachineMemory } from './machine-memory.ts'
import { nodeNameOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { patchMachine } from './write.ts'

/** What looking for a machine's server and node works with. */
export interface Looking {
  readonly context: MachineContext
  readonly memory: MachineMemory
  readonly signal: AbortSignal
}

const passing = ['Throttled', 'Unavailable', 'Timeout', 'Gone'] as const
const nodeWaitMilliseconds = 1000
const classWaitMilliseconds = 1000

/** Writes down what should have been written when the server was made, so that its node is known. */
export async function lookForServer(
  { context, memory, signal }: Looking,
  { machine, classView }: MachineObservation,
): Promise<Outcome | undefined> {
  const { leaving } = memory
  if (!classView.ok && classView.reason.kind === 'unprotected') return again(classWaitMilliseconds)
  if (!classView.ok) {
    leaving.lookedForServer = true
    return undefined
  }
  const identity = { machineName: machine.metadata.name, ...classView.value.settings }
  try {
    const made = await context.driver.getMachineStatus(identity, { signal })
    const patch = launchPatch(machine, made)
    if (patch !== undefined) await patchMachine(context, machine, patch)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!isFailure(error) || isFailure(error, ...passing)) throw error
    leaving.lookedForServer = true
    return undefined
  }
}

/** A Node that is found is waited for: the informer shows it in a moment. */
export async function lookForNode(
  { context, memory }: Looking,
  { machine }: MachineObservation,
): Promise<Outcome | undefined> {
  const name = nodeNameOf(machine) ?? machine.metadata.name
  const found = await context.target?.client.find(nodes, { name })
  if (found !== undefined) return again(nodeWaitMilliseconds)
  memory.leaving.lookedForNode = true
  return undefined
}
