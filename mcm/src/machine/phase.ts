import { instantText } from '@trellis/api/conditions'
import type { MachineLastOperation, MachineOperationState, MachineOperationType } from '@trellis/api/machine/common'
import type { Machine, MachinePhase, MachineStatus, NodeCondition } from '@trellis/api/machine/machine'
import type { MachineConsole, MachineJoining } from '@trellis/api/machine/story'
import type { MachineErrorCode } from '@trellis/api/machine/well-known'
import { sameJson } from '../common/equality.ts'

/** What a step wants to be true of a machine's status. Fields that are absent stay as they are. */
export interface StatusStatement {
  readonly phase?: MachinePhase
  /** Whether a timeout runs that ends in phase Failed. */
  readonly timeoutActive?: boolean
  readonly operation?: {
    readonly type: MachineOperationType
    readonly state: MachineOperationState
    /** For people; no instants in it, so that saying it again changes nothing. */
    readonly description: string
    readonly errorCode?: MachineErrorCode
  }
  readonly conditions?: readonly NodeCondition[]
  /** Until when the machine is preserved; null when it is no longer. */
  readonly preserveExpiryTime?: string | null
  readonly addresses?: MachineStatus['addresses']
  readonly joining?: MachineJoining
  readonly console?: MachineConsole
}

/** Changes of phase that a status keeps: the first ones, which tell where the machine comes from, and the latest. */
const firstChanges = 2
const latestChanges = 10
const longestReason = 300

/** The machine's phase; the empty one means that it is being created. */
export function phaseOf(machine: Machine): MachinePhase {
  return machine.status?.currentStatus?.phase ?? ''
}

/** Since when the machine is in its phase, in milliseconds; since its creation when it has none yet. */
export function phaseSince(machine: Machine): number {
  const text = machine.status?.currentStatus?.lastUpdateTime ?? machine.metadata.creationTimestamp
  return text === undefined ? 0 : Date.parse(text)
}

/** When the machine was created, in milliseconds. */
export function createdAt(machine: Machine): number {
  return machine.metadata.creationTimestamp === undefined ? 0 : Date.parse(machine.metadata.creationTimestamp)
}

/** Whether somebody asked for the machine to be gone. */
export function isLeaving(machine: Machine): boolean {
  return machine.metadata.deletionTimestamp !== undefined
}

/**
 * The status with a statement made true; undefined when it says nothing new.
 * The phase's instant changes only with the phase, the operation's only with what it says.
 */
export function statusWith(machine: Machine, statement: StatusStatement, now: number): MachineStatus | undefined {
  const before = machine.status ?? {}
  const after: MachineStatus = {
    ...before,
    ...currentStatusWith(before, statement, now),
    ...operationWith(before, statement, now),
    ...(statement.conditions === undefined ? {} : { conditions: [...statement.conditions] }),
    ...(statement.addresses === undefined ? {} : { addresses: statement.addresses }),
    ...(statement.joining === undefined ? {} : { joining: statement.joining }),
    ...(statement.console === undefined ? {} : { console: statement.console }),
    ...historyWith(before, statement, now),
  }
  return sameJson(before, after) ? undefined : after
}

function currentStatusWith(before: MachineStatus, statement: StatusStatement, now: number): Partial<MachineStatus> {
  const current = before.currentStatus ?? {}
  const phase = statement.phase ?? current.phase
  const timeoutActive = statement.timeoutActive ?? current.timeoutActive
  const lastUpdateTime = phase === current.phase ? current.lastUpdateTime : instantText(now)
  const expiry = statement.preserveExpiryTime === undefined ? current.preserveExpiryTime : statement.preserveExpiryTime
  const { preserveExpiryTime: _, ...kept } = current
  if (phase === undefined) return {}
  return {
    currentStatus: {
      ...kept,
      phase,
      ...(lastUpdateTime === undefined ? {} : { lastUpdateTime }),
      ...(timeoutActive === undefined ? {} : { timeoutActive }),
      ...(expiry === undefined || expiry === null ? {} : { preserveExpiryTime: expiry }),
    },
  }
}

function historyWith(before: MachineStatus, statement: StatusStatement, now: number): Partial<MachineStatus> {
  const { phase, operation } = statement
  if (phase === undefined || phase === (before.currentStatus?.phase ?? '')) return {}
  const description = operation?.description.slice(0, longestReason)
  const change = { phase, time: instantText(now), ...(description === undefined ? {} : { description }) }
  const history = [...(before.history ?? []), change]
  if (history.length <= firstChanges + latestChanges) return { history }
  return { history: [...history.slice(0, firstChanges), ...history.slice(-latestChanges)] }
}

function operationWith(before: MachineStatus, { operation }: StatusStatement, now: number): Partial<MachineStatus> {
  if (operation === undefined) return {}
  const { lastUpdateTime, ...said } = before.lastOperation ?? {}
  const same = sameJson(said, operation)
  const lastOperation: MachineLastOperation = {
    ...operation,
    lastUpdateTime: same && lastUpdateTime !== undefined ? lastUpdateTime : instantText(now),
  }
  return { lastOperation }
}
