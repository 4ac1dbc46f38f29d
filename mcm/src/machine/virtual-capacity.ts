import type { Node } from '@trellis/api/core/node'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { quantityNanos } from '@trellis/api/quantity'
import { canonicalJson } from '../common/equality.ts'

type Quantities = Readonly<Record<string, string | number>>

/** What is to be changed about a Node so that it offers its class's virtual capacity. */
export interface CapacityChange {
  /** Patch of the Node's status; undefined when its capacity is as it should be. */
  readonly status: { readonly capacity: Readonly<Record<string, string | number | null>> } | undefined
  /** The annotation that says what was applied, or null where it has to go; undefined when it stands already. To be written after the status, so that what is taken away is not forgotten. */
  readonly annotation: string | null | undefined
}

/** Compares a Node with its class. Resources that an earlier version of the class gave are taken away; all others of the Node are left alone. */
export function capacityChange(machineClass: MachineClass, node: Node): CapacityChange {
  const wanted: Quantities = machineClass.nodeTemplate?.virtualCapacity ?? {}
  const present: Quantities = node.status?.capacity ?? {}
  const text = node.metadata.annotations?.[machineAnnotations.lastAppliedVirtualCapacity]
  const before = lastApplied(text)
  const set = Object.entries(wanted).filter(([name, amount]) => !sameQuantity(present[name], amount))
  const unset = Object.keys(before).filter((name) => !(name in wanted) && name in present)
  const capacity = { ...Object.fromEntries(set), ...Object.fromEntries(unset.map((name) => [name, null])) }
  const wantedText = Object.keys(wanted).length === 0 ? null : canonicalJson(wanted)
  return {
    status: set.length + unset.length === 0 ? undefined : { capacity },
    annotation: wantedText === (text ?? null) ? undefined : wantedText,
  }
}

/** The API server writes quantities in its own way: 1000m comes back as 1. */
function sameQuantity(left: string | number | undefined, right: string | number): boolean {
  if (left === undefined) return false
  const [one, other] = [quantityNanos(left), quantityNanos(right)]
  return one === undefined || other === undefined ? left === right : one === other
}

function lastApplied(text: string | undefined): Quantities {
  if (text === undefined) return {}
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Quantities) : {}
  } catch {
    return {}
  }
}
