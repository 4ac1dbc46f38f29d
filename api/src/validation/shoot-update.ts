import type { Shoot } from '../garden/shoot.ts'
import { compareVersions, minorsBetween } from '../garden/versions.ts'
import { type FieldError, fieldError } from './field-error.ts'
import { cloudProfileNameOf } from './shoot.ts'

/** A field that may not change, and whether it may be set once when it was not. */
interface Fixed {
  readonly field: string
  readonly read: (shoot: Shoot) => string | number | undefined
  readonly settable: boolean
  /** Whether it may be taken away again; no unless told. */
  readonly removable?: boolean
  /** What to do instead; making another Shoot unless told. */
  readonly remedy?: string
}

const fixedFields: readonly Fixed[] = [
  { field: 'spec.provider.type', read: (shoot) => shoot.spec.provider.type, settable: false },
  { field: 'spec.region', read: (shoot) => shoot.spec.region, settable: false },
  { field: 'spec.cloudProfile.name', read: cloudProfileNameOf, settable: false },
  { field: 'spec.seedName', read: (shoot) => shoot.spec.seedName, settable: true },
  { field: 'spec.networking.type', read: (shoot) => shoot.spec.networking?.type, settable: true },
  { field: 'spec.networking.nodes', read: (shoot) => shoot.spec.networking?.nodes, settable: true },
  { field: 'spec.networking.pods', read: (shoot) => shoot.spec.networking?.pods, settable: true },
  { field: 'spec.networking.services', read: (shoot) => shoot.spec.networking?.services, settable: true },
  {
    field: 'spec.kubernetes.kubeControllerManager.nodeCIDRMaskSize',
    read: (shoot) => shoot.spec.kubernetes?.kubeControllerManager?.nodeCIDRMaskSize,
    settable: true,
  },
  {
    field: 'spec.controlPlane.highAvailability.failureTolerance.type',
    read: (shoot) => shoot.spec.controlPlane?.highAvailability?.failureTolerance?.type,
    settable: true,
    removable: true,
    remedy: 'take highAvailability away first',
  },
]

/** What is wrong with changing one Shoot into another; both must be valid by themselves and have their defaults. */
export function validateShootUpdate(before: Shoot, after: Shoot): FieldError[] {
  if (after.metadata.deletionTimestamp !== undefined) return deletedErrors(before, after)
  return [
    ...fixedFields.flatMap((fixed) => fixedErrors(fixed, before, after)),
    ...versionErrors('spec.kubernetes.version', before.spec.kubernetes?.version, after.spec.kubernetes?.version),
    ...workerErrors(before, after),
  ]
}

function deletedErrors(before: Shoot, after: Shoot): FieldError[] {
  if (before.metadata.deletionTimestamp === undefined || canonical(before.spec) === canonical(after.spec)) return []
  return [fieldError('spec', 'may not change any more: the Shoot is being deleted')]
}

function fixedErrors(fixed: Fixed, before: Shoot, after: Shoot): FieldError[] {
  const { field, read, settable, removable = false, remedy = 'delete the Shoot and create another' } = fixed
  const [was, is] = [read(before), read(after)]
  if (was === is || (was === undefined && settable) || (is === undefined && removable)) return []
  return [fieldError(field, `may not change from ${was} to ${is ?? '(none)'}`, remedy)]
}

function workerErrors(before: Shoot, after: Shoot): FieldError[] {
  return (after.spec.provider.workers ?? []).flatMap((worker, index) => {
    const earlier = before.spec.provider.workers?.find(({ name }) => name === worker.name)
    const field = `spec.provider.workers[${index}].kubernetes.version`
    return versionErrors(field, earlier?.kubernetes?.version, worker.kubernetes?.version)
  })
}

/** Kubernetes supports going up by one minor version at a time, never down. */
function versionErrors(field: string, before: string | undefined, after: string | undefined): FieldError[] {
  if (before === undefined || after === undefined || before === after) return []
  if (compareVersions(after, before) < 0) return [fieldError(field, `may not go down from ${before} to ${after}`)]
  const minors = minorsBetween(before, after)
  if (minors !== undefined && minors <= 1) return []
  return [
    fieldError(field, `may not skip a minor version from ${before} to ${after}`, 'go one minor version at a time'),
  ]
}

/** JSON with sorted keys, so that the order of fields does not matter. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
