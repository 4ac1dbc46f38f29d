import type { Machine } from '@trellis/api/machine/machine'
import type { DrainSession } from '../drain/session.ts'
import type { JoiningMemory } from './joining.ts'
import type { LaunchTries } from './launch.ts'
import type { UpdateTries } from './live-fields.ts'
import type { ServerLooks } from './server-loss.ts'

/** What this process remembers of one machine beside the API: pauses, looks, a drain under way. Losing it costs time, never correctness. */
export interface MachineMemory {
  tries?: LaunchTries
  /** Tries to change its server that failed since one succeeded. */
  updateTries?: UpdateTries | undefined
  joining: JoiningMemory
  /** What the cloud said of its server while it was ill. */
  looks?: ServerLooks
  /** Uid of the Secret of its bootstrap token that was deleted. */
  droppedToken?: string | undefined
  leaving: LeavingMemory
  /** The drain of its node, while there is one: to delete it, to update it, or to keep it as it is. */
  drain?: DrainSession | undefined
  /** What that drain is for and when it began: any other begins anew. */
  drainOf?: string | undefined
}

/** The part of the memory that concerns a machine that is going. */
export interface LeavingMemory {
  began?: number
  drained: boolean
  /** Whether volumes may still be attached to the node, and must be detached by force before its server goes. */
  holdsVolumes: boolean
  /** Whether its Node says that it is going. */
  announced: boolean
  lookedForServer: boolean
  lookedForNode: boolean
  serverGone: boolean
  /** Looks at a server that is being deleted. */
  deletionLooks: number
  deletionFailures: number
  deletionNotBefore: number
  cleanUpFailures: number
  cleanUpFailedSince?: number
  /** The finalizer is off: what the informer still shows is a ghost. */
  finished: boolean
  /** When the drain's progress was last written. */
  statedAt?: number
  statedReason?: string
}

/** Memories by machine. */
export interface MachineMemories {
  of(machine: Machine): MachineMemory
  /** Forgets a machine of that name and ends what runs for it. */
  forget(name: string): void
}

/** Makes an empty set of memories. A machine made anew under the same name starts with an empty one. */
export function createMachineMemories(): MachineMemories {
  const memories = new Map<string, { readonly uid: string | undefined; readonly memory: MachineMemory }>()
  const forget = (name: string) => {
    memories.get(name)?.memory.drain?.[Symbol.dispose]()
    memories.delete(name)
  }
  return {
    forget,
    of: (machine) => {
      const { name, uid } = machine.metadata
      const known = memories.get(name)
      if (known !== undefined && known.uid === uid) return known.memory
      forget(name)
      const memory = emptyMemory()
      memories.set(name, { uid, memory })
      return memory
    },
  }
}

function emptyMemory(): MachineMemory {
  return {
    joining: {},
    leaving: {
      drained: false,
      holdsVolumes: false,
      announced: false,
      lookedForServer: false,
      lookedForNode: false,
      serverGone: false,
      deletionLooks: 0,
      deletionFailures: 0,
      deletionNotBefore: 0,
      cleanUpFailures: 0,
      finished: false,
    },
  }
}
