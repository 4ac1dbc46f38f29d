import type { Machine, MachinePhase } from '@trellis/api/machine/machine'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import type { ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { machineCodeOf, machineCodes, readMachineCode } from '@trellis/cloudprovider/contract/machine-codes'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { pauseMilliseconds } from '@trellis/foundation/retry'
import { formatDuration } from '../common/duration.ts'
import { type ClassView, flawOf } from '../machine-class/resolve.ts'
import { appliedFields } from './live-fields.ts'
import type { MachineObservation } from './observation.ts'
import { createdAt, phaseOf, type StatusStatement } from './phase.ts'
import type { EffectiveSettings } from './settings.ts'

/** What earlier tries to make a server left behind, in this process. */
export interface LaunchTries {
  readonly failures: number
  /** No new try before this instant, unless the class changed. */
  readonly notBefore: number
  /** Version of the class that was tried. */
  readonly classVersion: string
}

/** What is to be done towards a machine's server. */
export type LaunchDecision =
  /** It has one. */
  | { readonly kind: 'launched' }
  /** Not before something changes. */
  | { readonly kind: 'blocked'; readonly statement: StatusStatement; readonly reason: string }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  /** It took too long: whoever owns the machine replaces it. */
  | { readonly kind: 'fail'; readonly statement: StatusStatement }
  | { readonly kind: 'launch'; readonly view: ClassView }

const beforeLaunch: readonly MachinePhase[] = ['', 'CrashLoopBackOff']

/** Decides whether a server is to be asked for now. */
export function decideLaunch(
  observed: MachineObservation,
  tries: LaunchTries | undefined,
  now: number,
): LaunchDecision {
  const { machine, classView, settings } = observed
  const phase = phaseOf(machine)
  const unlaunched = beforeLaunch.includes(phase) || (phase === 'Pending' && machine.spec?.providerID === undefined)
  if (!unlaunched) return { kind: 'launched' }
  if (!classView.ok) return blockedBy(classView.reason)
  const flaw = flawOf(classView.value)
  if (flaw !== undefined) return blockedBy(flaw)
  const failedSinceLong =
    phase === 'CrashLoopBackOff' &&
    machine.status?.lastOperation?.errorCode !== 'FailedPrecondition' &&
    now - createdAt(machine) > settings.creationTimeoutMilliseconds
  if (failedSinceLong) return { kind: 'fail', statement: givenUp(machine, settings) }
  const waits = tries !== undefined && tries.classVersion === classView.value.version && tries.notBefore > now
  return waits ? { kind: 'wait', milliseconds: tries.notBefore - now } : { kind: 'launch', view: classView.value }
}

function blockedBy(trouble: {
  readonly kind: string
  readonly code: string
  readonly description: string
}): LaunchDecision {
  if (trouble.kind === 'unprotected') return { kind: 'blocked', statement: {}, reason: trouble.description }
  return {
    kind: 'blocked',
    reason: trouble.description,
    statement: {
      phase: 'CrashLoopBackOff',
      timeoutActive: false,
      operation: {
        type: 'Create',
        state: 'Failed',
        errorCode: trouble.code === 'InvalidArgument' ? 'InvalidArgument' : 'FailedPrecondition',
        description: trouble.description,
      },
    },
  }
}

function givenUp(machine: Machine, settings: EffectiveSettings): StatusStatement {
  const { description = 'no reason is known' } = machine.status?.lastOperation ?? {}
  const errorCode = readMachineCode(machine.status?.lastOperation ?? {})
  const last = description.replace(/^No server within \S+: /, '')
  return {
    phase: 'Failed',
    timeoutActive: false,
    operation: {
      type: 'Create',
      state: 'Failed',
      description: `No server within ${formatDuration(settings.creationTimeoutMilliseconds)}: ${last}`,
      ...(errorCode === undefined ? {} : { errorCode }),
    },
  }
}

/**
 * What the machine's main object says once its server is there; undefined when it says so already. `fields` are those of {@link liveFields} that
 * the server was made with, absent where they are not known.
 */
export function launchPatch(machine: Machine, made: ProviderMachine, fields?: string): object | undefined {
  const { labels, annotations } = machine.metadata
  const priority = annotations?.[machineAnnotations.priority]
  if (
    labels?.[machineLabels.node] === made.nodeName &&
    machine.spec?.providerID === made.providerId &&
    priority !== undefined &&
    (fields === undefined || appliedFields(machine) === fields)
  ) {
    return undefined
  }
  const said = {
    ...(priority === undefined ? { [machineAnnotations.priority]: '3' } : {}),
    ...(fields === undefined ? {} : { [machineAnnotations.appliedProviderFields]: fields }),
  }
  return {
    metadata: {
      labels: { [machineLabels.node]: made.nodeName },
      ...(Object.keys(said).length === 0 ? {} : { annotations: said }),
    },
    spec: { providerID: made.providerId },
  }
}

/** The status of a machine whose server was accepted by the cloud. */
export function launchedStatement(made: ProviderMachine, hasTarget: boolean): StatusStatement {
  const addresses = [...made.addresses]
  if (!hasTarget) {
    return {
      phase: 'Available',
      timeoutActive: false,
      addresses,
      operation: { type: 'Create', state: 'Successful', description: 'The server runs; there is no cluster to join' },
    }
  }
  return {
    phase: 'Pending',
    timeoutActive: true,
    operation: { type: 'Create', state: 'Processing', description: awaitingJoin },
  }
}

/** Description of a machine of which nothing is known but that its server was made. */
export const awaitingJoin = 'The server was made; waiting for the node to join'

/** The status of a machine whose server could not be made. */
export function launchFailedStatement(error: unknown): StatusStatement {
  return {
    phase: 'CrashLoopBackOff',
    timeoutActive: true,
    operation: {
      type: 'Create',
      state: 'Failed',
      errorCode: machineCodeOf(error, 'createMachine'),
      description: `Cloud provider message - ${describe(error)}`,
    },
  }
}

/** The status of a machine whose server got the name of a Node that is there already. */
export function staleNodeStatement({ nodeName }: ProviderMachine): StatusStatement {
  const description = `VM using old node obj: there is a node ${nodeName} of an earlier server already; the new server was deleted`
  return {
    phase: 'Failed',
    timeoutActive: false,
    operation: { type: 'Create', state: 'Failed', errorCode: 'Internal', description },
  }
}

/** When to try again after one more failure: soon for what may pass, seldom for shortages and for what looks wrong, ever less often. */
export function nextTry(
  before: LaunchTries | undefined,
  error: unknown,
  context: {
    readonly random: Random
    readonly settings: EffectiveSettings
    readonly classVersion: string
    readonly now: number
  },
): LaunchTries {
  const { random, settings, classVersion, now } = context
  const failures = (before?.classVersion === classVersion ? before.failures : 0) + 1
  const backoff = {
    parked: { firstMilliseconds: 15_000, longestMilliseconds: settings.resourceExhaustedRetryMilliseconds },
    seldom: { firstMilliseconds: 10_000, longestMilliseconds: 180_000 },
    soon: { firstMilliseconds: 1000, longestMilliseconds: 60_000 },
  }[machineCodes[machineCodeOf(error, 'createMachine')].retry]
  const asked = isFailure(error) ? (error.retryAfterMilliseconds ?? 0) : 0
  return { failures, classVersion, notBefore: now + Math.max(asked, pauseMilliseconds(backoff, failures, random)) }
}
