import { type MachineSpec, machineApiVersion } from '@trellis/api/machine/common'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineFinalizers } from '@trellis/api/machine/well-known'
import { canonicalJson, sameJson } from '../common/equality.ts'
import { controllerReference } from '../common/ownership.ts'

/** Fields of a machine's spec that follow the template while the machine lives; all others are fixed when it is made. */
const livingFields = [
  'creationTimeout',
  'disableHealthTimeout',
  'drainTimeout',
  'healthTimeout',
  'inPlaceUpdateTimeout',
  'machinePreserveTimeout',
  'maxEvictRetries',
  'nodeConditions',
  'nodeTemplate',
] as const satisfies readonly (keyof MachineSpec)[]

/** Longest name prefix that leaves room for a suffix in a host name. */
const longestPrefix = 57

/** A new machine of a set. It is protected and owned from its first instant. */
export function machineOf(set: MachineSet, suffix: string): Machine {
  const template = set.spec?.template ?? {}
  const { labels = {}, annotations = {} } = template.metadata ?? {}
  const { namespace, name } = set.metadata
  const timeout = set.metadata.annotations?.[machineAnnotations.effectiveCreationTimeout]
  return {
    apiVersion: machineApiVersion,
    kind: 'Machine',
    metadata: {
      name: `${name.slice(0, longestPrefix)}-${suffix}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: {
        ...annotations,
        [machineAnnotations.priority]: annotations[machineAnnotations.priority] ?? '3',
        ...(timeout === undefined ? {} : { [machineAnnotations.effectiveCreationTimeout]: timeout }),
      },
      finalizers: [machineFinalizers.object],
      ownerReferences: [controllerReference(set)],
    },
    spec: { ...template.spec },
  }
}

/** A text that changes with whatever {@link livingPatch} takes from a set. */
export function livingText(set: MachineSet): string {
  const spec = set.spec?.template?.spec ?? {}
  const timeout = set.metadata.annotations?.[machineAnnotations.effectiveCreationTimeout]
  return canonicalJson([timeout, livingFields.map((field) => spec[field])])
}

/** The patch that brings a living machine up to its set's template without replacing it; undefined when it is. */
export function livingPatch(set: MachineSet, machine: Machine): object | undefined {
  const wanted = set.spec?.template?.spec ?? {}
  const present = machine.spec ?? {}
  const timeoutKey = machineAnnotations.effectiveCreationTimeout
  const timeout = set.metadata.annotations?.[timeoutKey]
  const changed = livingFields.filter((field) => !sameContent(wanted[field], present[field]))
  const spec = Object.fromEntries(changed.map((field) => [field, replacement(present[field], wanted[field])]))
  const annotation = timeout === machine.metadata.annotations?.[timeoutKey] ? {} : { [timeoutKey]: timeout ?? null }
  if (changed.length === 0 && Object.keys(annotation).length === 0) return undefined
  return {
    ...(Object.keys(annotation).length === 0 ? {} : { metadata: { annotations: annotation } }),
    ...(changed.length === 0 ? {} : { spec }),
  }
}

/** Whether two values ask for the same: typed clients write out structs that hold nothing. */
export function sameContent(left: unknown, right: unknown): boolean {
  return sameJson(left, right) || sameJson(pruned(left), pruned(right))
}

/** A value without fields that hold nothing; undefined when nothing is left. */
function pruned(value: unknown): unknown {
  if (!isPlain(value)) return value ?? undefined
  const entries = Object.entries(value).map(([key, inner]) => [key, pruned(inner)] as const)
  const kept = entries.filter(([, inner]) => inner !== undefined)
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** A merge patch that makes `before` into `after`: what is no longer there must be said to be null. */
export function replacement(before: unknown, after: unknown): unknown {
  if (after === undefined) return null
  if (!isPlain(before) || !isPlain(after)) return after
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return Object.fromEntries(
    [...keys]
      .filter((key) => !sameJson(before[key], after[key]))
      .map((key) => [key, replacement(before[key], after[key])]),
  )
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
