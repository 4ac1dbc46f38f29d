import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { machineNodeConditions } from '@trellis/api/machine/well-known'
import { formatDuration } from '../common/duration.ts'
import { type NodeUpdate, nodeUpdateOf } from './in-place-node.ts'
import { awaitsCriticalComponents, conditionsFor, illnessOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf, phaseSince, type StatusStatement } from './phase.ts'
import type { NodeConditionStatement } from './write-node.ts'

/** What is to be done next for a machine that is updated in place. Every step may be repeated. */
export type UpdateStep =
  /** To be carried out in this order: open the Node, state its condition, write the machine's status, tell it. */
  | {
      readonly kind: 'move'
      readonly uncordon?: boolean
      readonly condition?: NodeConditionStatement
      readonly statement?: StatusStatement
      readonly event?: { readonly severity: 'normal' | 'warn'; readonly reason: string; readonly note: string }
    }
  /** Move its pods elsewhere; the drain began at that instant. */
  | { readonly kind: 'drain'; readonly since: number }
  /** The update failed too long ago: to be carried out only when its deployment may lose one more. */
  | { readonly kind: 'fail'; readonly statement: StatusStatement }
  | { readonly kind: 'wait'; readonly statement: StatusStatement; readonly milliseconds?: number }

const reasons = machineNodeConditions.inPlaceUpdate

/** Phases that belong to an update in place: their health is not judged, since what the node says means little meanwhile. */
export function isUpdatePhase(phase: MachinePhase): boolean {
  return phase === 'InPlaceUpdating' || phase === 'InPlaceUpdateSuccessful' || phase === 'InPlaceUpdateFailed'
}

/**
 * Decides the next step: announced → selected → drained → ready for whoever updates → what they report. Undefined when the machine has
 * nothing to do with an update. Only ever one step behind the Node: all that must outlive this process stands there and in the machine's phase.
 */
export function decideUpdate(observed: MachineObservation, now: number): UpdateStep | undefined {
  const { machine, node, target } = observed
  const phase = phaseOf(machine)
  if (phase !== 'Running' && phase !== 'Unknown' && !isUpdatePhase(phase)) return undefined
  if (target.kind !== 'known') return isUpdatePhase(phase) ? { kind: 'wait', statement: {} } : undefined
  const update = node === undefined ? undefined : nodeUpdateOf(node)
  const reported = update === undefined ? undefined : reportedStep(observed, update)
  if (reported !== undefined) return reported
  if (phase === 'InPlaceUpdating') return updatingStep(observed, update, now)
  if (phase === 'InPlaceUpdateSuccessful') return returningStep(observed, update, now)
  const step = update === undefined ? undefined : preparingStep(update, phase, now)
  return phase === 'InPlaceUpdateFailed' ? (step ?? failedStep(observed, update, now)) : step
}

/** What whoever updates has reported counts in any phase, also when it comes late. */
function reportedStep({ machine }: MachineObservation, update: NodeUpdate): UpdateStep | undefined {
  const { candidate, result, failure = 'no reason is known', reason } = update
  if (!candidate || result === undefined) return undefined
  const phase: MachinePhase = result === 'successful' ? 'InPlaceUpdateSuccessful' : 'InPlaceUpdateFailed'
  const wanted = result === 'successful' ? reasons.updateSuccessful : reasons.updateFailed
  if (phaseOf(machine) === phase && reason === wanted) return undefined
  const { name } = machine.metadata
  if (result === 'successful') {
    const description = `Machine ${name} was updated in place`
    return {
      kind: 'move',
      condition: holding(wanted, 'The node was updated in place'),
      statement: { phase, timeoutActive: false, operation: operation('Successful', description) },
      event: { severity: 'normal', reason: phase, note: description },
    }
  }
  const description = failureText(machine, update)
  return {
    kind: 'move',
    condition: holding(wanted, `The update in place failed: ${failure}`),
    statement: { phase, timeoutActive: true, operation: operation('Failed', description) },
    event: { severity: 'warn', reason: phase, note: description },
  }
}

/** What follows a drain that is over: the phase comes before the leave to update, so that nobody judges a node by what its update does to it. */
export const drainedStep: Extract<UpdateStep, { kind: 'move' }> = {
  kind: 'move',
  condition: holding(reasons.drainSuccessful, 'The node was drained'),
}

/** The status while pods are being moved. */
export function drainingStatement(blockers: string): StatusStatement {
  return {
    operation: { type: 'DrainNode', state: 'Processing', description: `Draining for an update in place: ${blockers}` },
  }
}

/** From the announcement to the drained node. */
function preparingStep(update: NodeUpdate, phase: MachinePhase, now: number): UpdateStep | undefined {
  const { candidate, selected, result, reason, since = now } = update
  if (result !== undefined) return undefined
  const drains = reason === reasons.selectedForUpdate || reason === reasons.drainSuccessful
  if (!candidate) return drains || isAnnounced(update) ? calledOff(drains) : undefined
  if (!selected) {
    if (drains) return { kind: 'move', uncordon: true, condition: announced }
    const anew = reason === undefined || reason === reasons.updateSuccessful || reason === reasons.candidateForUpdate
    return anew && !isAnnounced(update) ? { kind: 'move', condition: announced } : undefined
  }
  if (reason === reasons.selectedForUpdate) return { kind: 'drain', since }
  if (reason === reasons.drainSuccessful) return { kind: 'move', statement: updating }
  // An update that ran into its time limit is still awaited; one that runs is so in any case.
  if (reason === reasons.readyForUpdate) {
    return phase === 'InPlaceUpdateFailed' ? undefined : { kind: 'move', statement: updating }
  }
  return {
    kind: 'move',
    condition: holding(reasons.selectedForUpdate, 'The node was selected to be updated in place'),
    event: {
      severity: 'normal',
      reason: reasons.selectedForUpdate,
      note: 'The node is drained to be updated in place',
    },
  }
}

const announced = holding(reasons.candidateForUpdate, 'The node is to be updated in place')

const updating: StatusStatement = {
  phase: 'InPlaceUpdating',
  timeoutActive: true,
  operation: operation('Processing', 'The node was drained and is being updated in place'),
}

function isAnnounced({ reason, holds }: NodeUpdate): boolean {
  return reason === reasons.candidateForUpdate && holds
}

function calledOff(drains: boolean): UpdateStep {
  const condition: NodeConditionStatement = {
    type: reasons.type,
    status: 'False',
    reason: reasons.candidateForUpdate,
    message: 'The update in place was called off',
  }
  return { kind: 'move', condition, ...(drains ? { uncordon: true } : {}) }
}

/** A node that is out of use until somebody reports how its update went. */
function updatingStep(observed: MachineObservation, update: NodeUpdate | undefined, now: number): UpdateStep {
  const { machine, settings } = observed
  if (update?.reason === reasons.drainSuccessful) {
    return { kind: 'move', condition: holding(reasons.readyForUpdate, 'The node may be updated in place now') }
  }
  const left = phaseSince(machine) + settings.inPlaceUpdateTimeoutMilliseconds - now
  if (left >= 0) return { kind: 'wait', statement: seen(observed), milliseconds: left + 1 }
  const description = notUpdatedText(observed)
  return {
    kind: 'move',
    statement: { phase: 'InPlaceUpdateFailed', timeoutActive: true, operation: operation('Failed', description) },
    event: { severity: 'warn', reason: 'InPlaceUpdateFailed', note: description },
  }
}

/** A failed update may still be repaired from outside; a machine whose update stays failed is replaced. */
function failedStep(observed: MachineObservation, update: NodeUpdate | undefined, now: number): UpdateStep {
  const { machine, settings } = observed
  if (settings.disableHealthTimeout) return { kind: 'wait', statement: { ...seen(observed), timeoutActive: false } }
  const left = phaseSince(machine) + settings.healthTimeoutMilliseconds - now
  if (left >= 0) return { kind: 'wait', statement: seen(observed), milliseconds: left + 1 }
  // Not what the machine's status says: that may be this very sentence, which would grow with every pass.
  const why = update?.result === 'failed' ? failureText(machine, update) : notUpdatedText(observed)
  const limit = formatDuration(settings.healthTimeoutMilliseconds)
  return {
    kind: 'fail',
    statement: {
      ...seen(observed),
      phase: 'Failed',
      timeoutActive: false,
      operation: { type: 'HealthCheck', state: 'Failed', description: `Not repaired within ${limit}: ${why}` },
    },
  }
}

/** An updated node takes part again once the traces of its update are gone, it is healthy, and its critical components run. */
function returningStep(observed: MachineObservation, update: NodeUpdate | undefined, now: number): UpdateStep {
  const { machine, node, settings } = observed
  if (update?.result !== undefined) return { kind: 'wait', statement: seen(observed) }
  const illness =
    node === undefined
      ? 'the node object does not exist'
      : illnessOf(conditionsFor(machine, node), settings.nodeConditions)
  if (illness === undefined) {
    if (node !== undefined && awaitsCriticalComponents(node)) return { kind: 'wait', statement: seen(observed) }
    const description = `Machine ${machine.metadata.name} joined again after its update in place`
    const statement: StatusStatement = {
      ...seen(observed),
      phase: 'Running',
      timeoutActive: false,
      operation: { type: 'HealthCheck', state: 'Successful', description },
    }
    return { kind: 'move', statement }
  }
  const left = phaseSince(machine) + settings.healthTimeoutMilliseconds - now
  if (left >= 0) return { kind: 'wait', statement: seen(observed), milliseconds: left + 1 }
  const description = `Unhealthy after its update in place: ${illness}`
  return {
    kind: 'move',
    statement: {
      ...seen(observed),
      phase: 'Unknown',
      timeoutActive: !settings.disableHealthTimeout,
      operation: { type: 'HealthCheck', state: 'Processing', description },
    },
    event: { severity: 'warn', reason: 'Unhealthy', note: description },
  }
}

function failureText({ metadata }: Machine, { failure = 'no reason is known' }: NodeUpdate): string {
  return `Machine ${metadata.name} could not be updated in place: ${failure}`
}

function notUpdatedText({ machine, settings }: MachineObservation): string {
  const limit = formatDuration(settings.inPlaceUpdateTimeoutMilliseconds)
  return `Machine ${machine.metadata.name} was not updated in place within ${limit}`
}

function seen({ machine, node }: MachineObservation): StatusStatement {
  return node === undefined ? {} : { conditions: conditionsFor(machine, node) }
}

function holding(reason: string, message: string): NodeConditionStatement {
  return { type: reasons.type, status: 'True', reason, message }
}

function operation(
  state: 'Processing' | 'Successful' | 'Failed',
  description: string,
): NonNullable<StatusStatement['operation']> {
  return { type: 'InPlaceUpdate', state, description }
}
