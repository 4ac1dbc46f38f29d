import type { Node } from '@trellis/api/core/node'
import {
  machineAnnotations,
  machineLabels,
  machineNodeConditions,
  machineTaints,
} from '@trellis/api/machine/well-known'

const { type: conditionType } = machineNodeConditions.inPlaceUpdate

/** How a Node stands in an update in place, as its labels, its condition and whoever updates it tell. */
export interface NodeUpdate {
  /** It belongs to machines that are to be updated. */
  readonly candidate: boolean
  /** It is to be updated now. */
  readonly selected: boolean
  /** What whoever updates it says of the outcome. */
  readonly result: 'successful' | 'failed' | undefined
  /** Why it failed, in their words. */
  readonly failure: string | undefined
  /** Reason of its condition: the step that it has reached. */
  readonly reason: string | undefined
  /** Whether the condition holds; it does not once an update was called off. */
  readonly holds: boolean
  /** Since when it is at that step, in milliseconds. */
  readonly since: number | undefined
}

/** Reads that off a Node. A label counts whatever its value, but for the result's. */
export function nodeUpdateOf(node: Node): NodeUpdate {
  const labels = node.metadata.labels ?? {}
  const condition = node.status?.conditions?.find(({ type }) => type === conditionType)
  const since = Date.parse(condition?.lastTransitionTime ?? '')
  return {
    candidate: labels[machineLabels.candidateForUpdate] !== undefined,
    selected: labels[machineLabels.selectedForUpdate] !== undefined,
    result: resultOf(labels[machineLabels.updateResult]),
    failure: node.metadata.annotations?.[machineAnnotations.updateFailedReason],
    reason: condition?.reason,
    holds: condition?.status === 'True',
    since: Number.isNaN(since) ? undefined : since,
  }
}

function resultOf(value: string | undefined): NodeUpdate['result'] {
  return value === 'successful' || value === 'failed' ? value : undefined
}

/** Whether a Node was chosen and what became of that is not settled yet. */
export function isBeingUpdated(node: Node): boolean {
  const { candidate, selected, result } = nodeUpdateOf(node)
  return (candidate && selected) || result !== undefined
}

/** Whether an update of a Node is announced, under way, or was called off without that being said. Most nodes are not concerned, and cost no further look. */
export function isConcerned(node: Node): boolean {
  const { candidate, reason, holds } = nodeUpdateOf(node)
  const { updateSuccessful } = machineNodeConditions.inPlaceUpdate
  return candidate || (reason !== undefined && reason !== updateSuccessful && holds)
}

/** The labels that announce an update to a Node, and that choose it; undefined when it has them. */
export function announcement(node: Node, selected: boolean): object | undefined {
  const update = nodeUpdateOf(node)
  const labels = {
    ...(update.candidate ? {} : { [machineLabels.candidateForUpdate]: 'true' }),
    ...(!selected || update.selected ? {} : { [machineLabels.selectedForUpdate]: 'true' }),
  }
  return Object.keys(labels).length === 0 ? undefined : { metadata: { labels } }
}

/**
 * The patch that takes all traces of an update off a Node and opens it for pods again; undefined when there are none. A node that was `updated` is kept
 * free of pods until its critical components run again: whoever put that taint there when it joined takes it away again.
 */
export function restoration(node: Node, updated: boolean): object | undefined {
  const { candidate, selected, result } = nodeUpdateOf(node)
  if (!candidate && !selected && result === undefined) return undefined
  const { taints = [], unschedulable } = node.spec ?? {}
  const { preferNoSchedule, criticalComponentsNotReady } = machineTaints
  const kept = taints.filter(({ key, effect }) => !(key === preferNoSchedule && effect === 'PreferNoSchedule'))
  const waits = !updated || kept.some(({ key }) => key === criticalComponentsNotReady)
  const after = waits ? kept : [...kept, { key: criticalComponentsNotReady, effect: 'NoSchedule' }]
  const opened = updated || selected
  return {
    metadata: {
      // Taints are replaced as a whole: the version guards those that others add meanwhile.
      resourceVersion: node.metadata.resourceVersion,
      labels: {
        [machineLabels.candidateForUpdate]: null,
        [machineLabels.selectedForUpdate]: null,
        [machineLabels.updateResult]: null,
      },
      annotations: { [machineAnnotations.updateFailedReason]: null },
    },
    spec: { taints: after, ...(opened && unschedulable === true ? { unschedulable: null } : {}) },
  }
}
