import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { InvariantError } from '@trellis/foundation/failure'

type Json = Record<string, unknown>

/** Fields of a deployment's spec that the typed Go client knows. */
const specFields: Readonly<Record<string, (value: unknown) => boolean>> = {
  replicas: isInt32,
  selector: isObject,
  template: isObject,
  strategy: isObject,
  minReadySeconds: isInt32,
  revisionHistoryLimit: isInt32,
  paused: (value) => typeof value === 'boolean',
  rollbackTo: isObject,
  progressDeadlineSeconds: isInt32,
  autoPreserveFailedMachineMax: isInt32,
}

/** Fields whose zero the typed client leaves out, because they are no pointers there. */
const zeroesLeftOut = ['replicas', 'minReadySeconds', 'paused', 'autoPreserveFailedMachineMax']

/**
 * What a deployment becomes on its way through the reference's Go types and back to JSON: unknown fields are gone, zeroes are left out, structs that are no
 * pointers appear empty and instants that are not set as null. Throws when a field has another type than Go expects: its decoder would refuse the object.
 */
export function throughGoTypes(deployment: MachineDeployment): MachineDeployment {
  const spec = Object.entries(deployment.spec ?? {}).filter(([name, value]) => {
    const fits = specFields[name]
    if (fits === undefined || value === undefined || value === null) return false
    if (!fits(value)) throw new InvariantError(`Go cannot decode spec.${name}`)
    return !(zeroesLeftOut.includes(name) && (value === 0 || value === false))
  })
  checkStatus(deployment.status ?? {})
  const { template = {}, strategy = {}, ...rest } = Object.fromEntries(spec) as Json
  return {
    ...deployment,
    spec: { ...rest, strategy, template: templateThroughGo(template as Json) },
    status: deployment.status ?? {},
  } as MachineDeployment
}

function templateThroughGo(template: Json): Json {
  const { class: reference = {}, nodeTemplate = {}, ...rest } = asObject(template.spec)
  return {
    metadata: metadataThroughGo(template.metadata),
    spec: {
      ...rest,
      class: reference,
      nodeTemplate: {
        metadata: metadataThroughGo(asObject(nodeTemplate).metadata),
        spec: asObject(asObject(nodeTemplate).spec),
      },
    },
  }
}

function metadataThroughGo(metadata: unknown): Json {
  return { ...asObject(metadata), creationTimestamp: null }
}

function checkStatus(status: Json): void {
  const counts = ['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas']
  for (const name of [...counts, 'unavailableReplicas', 'collisionCount']) {
    if (status[name] !== undefined && !isInt32(status[name]))
      throw new InvariantError(`Go cannot decode status.${name}`)
  }
  for (const condition of (status.conditions ?? []) as Json[]) {
    for (const name of ['lastUpdateTime', 'lastTransitionTime']) checkInstant(condition[name], name)
  }
}

/** Go takes RFC 3339 only. */
export function checkInstant(value: unknown, name: string): void {
  const sound = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)
  if (value !== undefined && value !== null && !sound) throw new InvariantError(`Go cannot decode ${name}`)
}

function isInt32(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asObject(value: unknown): Json {
  return isObject(value) ? (value as Json) : {}
}
