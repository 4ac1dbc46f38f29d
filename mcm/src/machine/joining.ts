import { currentJoinStep, type JoinReport } from '@trellis/api/join-report'
import type { ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { formatDuration } from '../common/duration.ts'
import { cloudInitTrouble, joiningOf } from './join-story.ts'
import { awaitingJoin } from './launch.ts'
import { awaitsCriticalComponents, conditionsFor, illnessOf } from './node-view.ts'
import type { MachineObservation } from './observation.ts'
import { phaseSince, type StatusStatement } from './phase.ts'

/** What is to be done about a machine whose server was made and that is no healthy node yet. */
export type JoiningDecision =
  /** It is a healthy node. */
  | { readonly kind: 'joined'; readonly statement: StatusStatement }
  /** It took too long; to be believed only after a fresh look at its Node. */
  | { readonly kind: 'fail'; readonly statement: StatusStatement }
  | {
      readonly kind: 'wait'
      readonly statement: StatusStatement
      /** Whether the cloud is to be asked about the server now. */
      readonly look: boolean
      /** Whether the console is to be read now: the machine is late, and nobody has seen it yet. */
      readonly console: boolean
      /** When to decide again at the latest. */
      readonly milliseconds: number
    }

/** Shortest and longest pause between two looks at a server that has not joined; clouds cannot be watched. */
const firstLookMilliseconds = 5000
const longestLookMilliseconds = 60_000

/** What this process remembers of a machine that joins. */
export interface JoiningMemory {
  /** When the cloud was last asked about the server. */
  readonly lookedAt?: number
  /** What it said. */
  readonly server?: ProviderMachine['state']
  /** Whether the console was read, or cannot be. */
  readonly consoleRead?: boolean
}

/** After this share of the time that it has to join a machine is late. */
const lateShare = 0.25

/** Decides how a Pending machine stands. */
export function decideJoining(observed: MachineObservation, memory: JoiningMemory, now: number): JoiningDecision {
  const { machine, node, settings, report } = observed
  const told = report === undefined ? {} : { joining: joiningOf(report) }
  const illness = node === undefined ? undefined : illnessOf(conditionsFor(machine, node), settings.nodeConditions)
  if (node !== undefined && illness === undefined && !awaitsCriticalComponents(node)) {
    return {
      kind: 'joined',
      statement: {
        phase: 'Running',
        timeoutActive: false,
        conditions: conditionsFor(machine, node),
        ...told,
        operation: { type: 'Create', state: 'Successful', description: `Machine ${machine.metadata.name} joined` },
      },
    }
  }
  const progress = progressOf(observed, memory, illness)
  const deadline = joinDeadline(observed)
  if (deadline !== undefined && now > deadline)
    return { kind: 'fail', statement: { ...told, ...timedOut(observed, progress) } }
  const look = node === undefined ? lookAt(machine.status?.currentStatus?.lastUpdateTime, memory, now) : undefined
  const late = memory.consoleRead || machine.status?.console !== undefined ? undefined : lateSince(observed, deadline)
  const isLate = late !== undefined && late <= now
  const instants = [deadline, look, isLate ? undefined : late].filter((instant) => instant !== undefined)
  const next = Math.min(...instants, now + longestLookMilliseconds)
  return {
    kind: 'wait',
    look: look !== undefined && look <= now,
    console: isLate,
    milliseconds: Math.max(1, next - now + 1),
    statement: {
      ...told,
      ...(node === undefined ? {} : { conditions: conditionsFor(machine, node) }),
      operation: { type: 'Create', state: 'Processing', description: progress },
    },
  }
}

/**
 * Until when the machine must have joined; undefined while nobody can know whether it has. The clock starts when the server was made,
 * or when this process first saw the cluster's nodes if that was later: no machine is blamed for an API server that did not answer.
 */
function joinDeadline({ machine, target, settings }: MachineObservation): number | undefined {
  if (target.kind !== 'known') return undefined
  return Math.max(phaseSince(machine), target.since) + settings.creationTimeoutMilliseconds
}

function lateSince({ settings }: MachineObservation, deadline: number | undefined): number | undefined {
  return deadline === undefined ? undefined : deadline - settings.creationTimeoutMilliseconds * (1 - lateShare)
}

function lookAt(since: string | undefined, { lookedAt }: JoiningMemory, now: number): number {
  const began = since === undefined ? now : Date.parse(since)
  if (lookedAt === undefined) return began + firstLookMilliseconds
  const pause = Math.min(Math.max(firstLookMilliseconds, (lookedAt - began) / 2), longestLookMilliseconds)
  return lookedAt + pause
}

function progressOf(observed: MachineObservation, memory: JoiningMemory, illness: string | undefined): string {
  const { node, target, report } = observed
  if (node !== undefined) {
    return `The node joined and is not healthy yet: ${illness ?? 'it waits for critical components'}`
  }
  const told = report === undefined ? undefined : describeReport(report)
  if (told !== undefined) return `The server was made; ${told}`
  if (memory.server === 'stopped') return 'The server was made and has stopped by itself'
  if (target.kind === 'unknown') return `${awaitingJoin}; the API server that it joins does not answer yet`
  return awaitingJoin
}

/** A report in a sentence: how many steps are done, which one is under way, and what is wrong with it. */
export function describeReport(report: JoinReport): string {
  const done = report.steps.filter(({ state }) => state === 'done').length
  const step = currentJoinStep(report)
  const trouble = cloudInitTrouble(report)
  const also = trouble === undefined ? '' : `; ${trouble}`
  if (step === undefined) return `its agent has done all steps; waiting for the node${also}`
  // A step that is tried again has still failed: the text changes with the reason, not with each try.
  const state = step.error === undefined ? step.state : 'failed'
  const reason = step.error === undefined ? '' : `: ${step.error}`
  return `its agent has done ${done} of ${report.steps.length} steps; ${step.name} is ${state}${reason}${also}`
}

function timedOut({ settings }: MachineObservation, progress: string): StatusStatement {
  const limit = formatDuration(settings.creationTimeoutMilliseconds)
  return {
    phase: 'Failed',
    timeoutActive: false,
    operation: { type: 'Create', state: 'Failed', description: `No healthy node within ${limit}. ${progress}` },
  }
}
