import { type MachineErrorCode, machineErrorCodes } from '@trellis/api/machine/well-known'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import type { DriverOperation } from './driver.ts'

/** The code of the machine API for each kind of failure. */
const codeByKind: Readonly<Record<FailureKind, MachineErrorCode>> = {
  NotFound: 'NotFound',
  Conflict: 'AlreadyExists',
  Invalid: 'InvalidArgument',
  Unauthorized: 'Unauthenticated',
  Forbidden: 'PermissionDenied',
  Exhausted: 'ResourceExhausted',
  Throttled: 'Unavailable',
  Unavailable: 'Unavailable',
  Timeout: 'DeadlineExceeded',
  Gone: 'Aborted',
  Unimplemented: 'Unimplemented',
}

/**
 * How a code of the machine API comes about.
 * - `failure`: a kind of failure that drivers throw. `several-servers`: a `Conflict` about a machine that has several.
 * - `called-off`: a call that ended because it was told to; metrics alone show it. `bug`: an error that is no failure.
 * - `manager`: no cloud is asked at all, as the class or its secret is missing. `unreadable`: a code that is none of these.
 * - `answer`: the port says it without an error: a call that succeeds, and a server whose `initialized` is false.
 * - `never`: no call of the port gives data back that could be lost.
 */
export type CodeOrigin =
  | 'failure'
  | 'several-servers'
  | 'called-off'
  | 'bug'
  | 'manager'
  | 'unreadable'
  | 'answer'
  | 'never'

/** When something that failed with a code is tried again: `soon` and growing to a minute, `parked` until quota or stock may be back, or `seldom`. */
export type RetryClass = 'soon' | 'parked' | 'seldom'

/** Where each code of the machine API comes from here, and how often what failed with it is tried again. */
export const machineCodes: Readonly<
  Record<MachineErrorCode, { readonly origin: CodeOrigin; readonly retry: RetryClass }>
> = {
  OK: { origin: 'answer', retry: 'seldom' },
  Canceled: { origin: 'called-off', retry: 'seldom' },
  Unknown: { origin: 'unreadable', retry: 'soon' },
  InvalidArgument: { origin: 'failure', retry: 'seldom' },
  DeadlineExceeded: { origin: 'failure', retry: 'soon' },
  NotFound: { origin: 'failure', retry: 'seldom' },
  AlreadyExists: { origin: 'failure', retry: 'seldom' },
  PermissionDenied: { origin: 'failure', retry: 'seldom' },
  ResourceExhausted: { origin: 'failure', retry: 'parked' },
  FailedPrecondition: { origin: 'manager', retry: 'seldom' },
  Aborted: { origin: 'failure', retry: 'soon' },
  OutOfRange: { origin: 'several-servers', retry: 'seldom' },
  Unimplemented: { origin: 'failure', retry: 'seldom' },
  Internal: { origin: 'bug', retry: 'seldom' },
  Unavailable: { origin: 'failure', retry: 'soon' },
  DataLoss: { origin: 'never', retry: 'seldom' },
  Unauthenticated: { origin: 'failure', retry: 'seldom' },
  Uninitialized: { origin: 'answer', retry: 'seldom' },
}

/** Operations whose `Conflict` means that one machine has several servers. */
const severalServers: readonly DriverOperation[] = [
  'getMachineStatus',
  'deleteMachine',
  'initializeMachine',
  'updateMachine',
]

/** The code that `status.lastOperation.errorCode` gets for an error of a driver; `Internal` for what is not a failure. */
export function machineCodeOf(error: unknown, operation?: DriverOperation): MachineErrorCode {
  if (!(error instanceof Failure)) return 'Internal'
  if (error.kind === 'Conflict' && operation !== undefined && severalServers.includes(operation)) return 'OutOfRange'
  return codeByKind[error.kind]
}

/** The code of an error that a call ended with; `Canceled` when the call was told to end. */
export function callCodeOf(
  error: unknown,
  operation: DriverOperation,
  signal: AbortSignal | undefined,
): MachineErrorCode {
  return signal?.aborted && error === signal.reason ? 'Canceled' : machineCodeOf(error, operation)
}

/** A code as older managers write it into texts. */
const textForm = /machine codes error: code = \[(\w+)\] message = \[/

/** The code that an operation's error code names, or else the text form in its description, as other managers left them; undefined for neither, and for codes that nobody knows. */
export function readMachineCode(operation: {
  readonly errorCode?: string | undefined
  readonly description?: string | undefined
}): MachineErrorCode | undefined {
  const { errorCode = '', description = '' } = operation
  const named = errorCode === '' ? description : errorCode
  const said = textForm.exec(named)?.[1] ?? errorCode
  return machineErrorCodes.find((known) => known === said)
}
