import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { keyOf, type ObjectKey } from '@trellis/api/meta'
import { versionOf } from '../common/freshness.ts'
import { controllerOf } from '../common/ownership.ts'
import type { MachineSetContext } from './context.ts'

/**
 * Keeps sets whose deployments another process works on from being counted too early. That process marks and moves machines before it changes a set's
 * numbers, but watches of sets and of machines do not keep step: a set that is told to shrink might not know yet whom the autoscaler chose.
 */
export interface CatchUp {
  /** Whether all that the API server was last seen to hold of the set and its machines is shown here, as far as it was asked. */
  isAbreast(set: MachineSet): boolean
  /** Whether the set's machines were asked for since its spec was changed last, and were all shown then. */
  isSettled(set: MachineSet): boolean
  /** Asks the API server for the set and, once for each change of its spec, for its machines: one or two requests. What it holds must then be shown before the set is abreast. */
  ask(set: MachineSet): Promise<void>
  forget(setUid: string): void
}

/** How long to wait for what the API server holds before it is asked anew: what it held may be gone without ever having been shown. */
export const askAgainMilliseconds = 5000

/** What it looks things up in. */
export type CatchUpContext = Pick<MachineSetContext, 'clock' | 'control' | 'namespace' | 'machines' | 'setReader'>

interface Asked {
  readonly at: number
  readonly setVersion: bigint
  /** Undefined when machines were not asked for: the set's spec is the one for which they were shown before. */
  readonly generation: number | undefined
  readonly machines: readonly Awaited[]
}

/** A machine that must be shown at this version or a later one; without a version it must be shown no longer. */
interface Awaited {
  readonly key: ObjectKey
  readonly uid: string | undefined
  readonly version: bigint | undefined
}

/** Makes it; nothing has been asked for. */
export function createCatchUp(context: CatchUpContext): CatchUp {
  const { clock, control, setReader, machines: informer } = context
  const awaited = new Map<string, Asked>()
  const settled = new Map<string, number | undefined>()

  const isShown = ({ key, uid, version }: Awaited): boolean => {
    const shown = informer.get(key)
    if (version === undefined || shown === undefined) return version === undefined && shown?.metadata.uid !== uid
    // One made anew under the same name is later news.
    return shown.metadata.uid !== uid || versionOf(shown) >= version
  }
  const isAbreast = (set: MachineSet): boolean => {
    const uid = set.metadata.uid ?? ''
    const asked = awaited.get(uid)
    if (asked === undefined) return true
    const shown = setReader.get(keyOf(set))
    if (shown !== undefined && versionOf(shown) < asked.setVersion) return false
    if (!asked.machines.every(isShown)) return false
    awaited.delete(uid)
    if (asked.generation !== undefined) settled.set(uid, asked.generation)
    return true
  }
  return {
    isAbreast,
    isSettled: ({ metadata }) =>
      settled.has(metadata.uid ?? '') && settled.get(metadata.uid ?? '') === metadata.generation,
    ask: async (set) => {
      const uid = set.metadata.uid ?? ''
      const at = clock.now()
      const before = awaited.get(uid)
      if (before !== undefined && at - before.at < askAgainMilliseconds) return
      const held = await control.find(machineSets, keyOf(set))
      const generation = held?.metadata.generation ?? set.metadata.generation
      const isNew = !settled.has(uid) || settled.get(uid) !== generation
      // One that is gone is not to be worked on any more.
      const setVersion = held === undefined ? versionOf(set) + 1n : versionOf(held)
      // After the set: whatever was done to machines before the set was changed is in this list.
      const own = isNew ? await machinesHeld(context, set) : []
      awaited.set(uid, { at, setVersion, generation: isNew ? generation : undefined, machines: own })
    },
    forget: (uid) => {
      awaited.delete(uid)
      settled.delete(uid)
    },
  }
}

/** What the API server holds of the machines that are a set's, or that are shown here as if they were. */
async function machinesHeld(
  { control, namespace, machines: informer }: CatchUpContext,
  { metadata: { uid: setUid = '' } }: MachineSet,
): Promise<readonly Awaited[]> {
  // All of the namespace: those that changed their labels are the set's as well, until it lets them go.
  const { items } = await control.list<Machine>(machines, { namespace })
  const shown = informer.byIndex('owner', setUid)
  const shownUids = new Set(shown.map(({ metadata }) => metadata.uid))
  const heldUids = new Set(items.map(({ metadata }) => metadata.uid))
  const concerned = items.filter(
    (machine) => controllerOf(machine)?.uid === setUid || shownUids.has(machine.metadata.uid),
  )
  const gone = shown.filter(({ metadata }) => !heldUids.has(metadata.uid))
  return [
    ...concerned.map((machine) => ({ ...identityOf(machine), version: versionOf(machine) })),
    ...gone.map((machine) => ({ ...identityOf(machine), version: undefined })),
  ]
}

function identityOf(machine: Machine): Pick<Awaited, 'key' | 'uid'> {
  return { key: keyOf(machine), uid: machine.metadata.uid }
}
