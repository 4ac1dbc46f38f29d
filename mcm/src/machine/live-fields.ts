import { createHash } from 'node:crypto'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { canonicalJson } from '../common/equality.ts'
import type { ClassView } from '../machine-class/resolve.ts'
import type { LaunchTries } from './launch.ts'
import type { MachineObservation } from './observation.ts'
import { phaseOf } from './phase.ts'

/** The part of a driver that tells what it can change on servers that run. */
export type LiveDriver = Pick<Driver, 'mutableFields' | 'updateMachine'>

/** What earlier tries to change a server left behind, in this process. */
export interface UpdateTries extends LaunchTries {
  /** What went wrong last, and was told. */
  readonly told: string
}

/** What is to be done to bring a server up to its class. */
export type LiveDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  /** Ask the driver, then write down that the server has these fields. */
  | { readonly kind: 'update'; readonly view: ClassView; readonly fields: string }

/**
 * What a server has when it has been given the mutable fields of a class, as its Machine's annotation says it: JSON of a digest by path.
 * Undefined for drivers that can change nothing; equal values give equal text.
 */
export function liveFields({ mutableFields, updateMachine }: LiveDriver, providerSpec: unknown): string | undefined {
  if (updateMachine === undefined || mutableFields === undefined) return undefined
  const digests = mutableFields.map((path) => [path, digestOf(valueAt(providerSpec, path))] as const)
  return canonicalJson(Object.fromEntries(digests))
}

/** Paths in `providerSpec` whose changes reach the machine's server while it runs; none when nobody wrote so down. */
export function livePathsOf(machine: Machine): readonly string[] {
  try {
    const written: unknown = JSON.parse(appliedFields(machine) ?? '{}')
    return typeof written === 'object' && written !== null ? Object.keys(written) : []
  } catch {
    return []
  }
}

/** Decides whether the machine's server is to be changed now. After a try that failed nobody knows what it has: then also when the class is back where it was. */
export function decideLiveUpdate(
  { machine, classView }: MachineObservation,
  {
    driver,
    tries,
    now,
  }: { readonly driver: LiveDriver; readonly tries: UpdateTries | undefined; readonly now: number },
): LiveDecision {
  const hasServer = (machine.spec?.providerID ?? '') !== '' && phaseOf(machine) !== 'Failed'
  if (!hasServer || !classView.ok) return none
  const view = classView.value
  const fields = liveFields(driver, view.settings.providerSpec)
  if (fields === undefined || (tries === undefined && appliedFields(machine) === fields)) return none
  const waits = tries !== undefined && tries.classVersion === view.version && tries.notBefore > now
  return waits ? { kind: 'wait', milliseconds: tries.notBefore - now } : { kind: 'update', view, fields }
}

const none: LiveDecision = { kind: 'none' }

/** What the annotation says; undefined when nobody knows. */
export function appliedFields(machine: Machine): string | undefined {
  return machine.metadata.annotations?.[machineAnnotations.appliedProviderFields]
}

/** A merge patch that says it; null when nobody knows. */
export function appliedFieldsPatch(fields: string | null): object {
  return { metadata: { annotations: { [machineAnnotations.appliedProviderFields]: fields } } }
}

/** Enough to tell values of one field apart; nobody gains by making two that agree. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16)
}

/** What stands at a path of names with dots between; undefined when nothing does. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => {
    const isObject = typeof inner === 'object' && inner !== null
    return isObject && Object.hasOwn(inner, key) ? (Reflect.get(inner, key) as unknown) : undefined
  }, value)
}
