import type { MachineErrorCode } from '@trellis/api/machine/well-known'
import { Failure, type FailureKind } from '@trellis/foundation/failure'
import type { DriverOperation } from './driver.ts'

/** The code of the machine API for each kind of failure. */
const codeByKind: Readonly<Record<FailureKind, MachineErrorCode>> = {
  NotFound: 'NotFound',
  Conflict: 'AlreadyExists',
  Invalid: 'InvalidArgument',
  Unauthorized: 'Unauthenticated',
  Exhausted: 'ResourceExhausted',
  Throttled: 'Unavailable',
  Unavailable: 'Unavailable',
  Gone: 'Aborted',
  Unimplemented: 'Unimplemented',
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
