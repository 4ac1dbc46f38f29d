import { machineDeploymentName } from '@trellis/api/garden/shoot-names'
import { percentageOf } from '@trellis/api/number-or-percentage'

/** The part of a worker pool that is in one zone: a machine deployment of its own. */
export interface ZoneBlueprint {
  /** Name of its machine deployment. */
  readonly machineDeployment: string
  /** Name of the zone; undefined for a pool that names none. */
  readonly zone: string | undefined
  readonly minimum: number
  readonly maximum: number
  readonly maxSurge: number | string
  readonly maxUnavailable: number | string
}

/** What of a pool is divided among its zones. */
export interface DividedPool {
  readonly name: string
  readonly zones?: readonly string[]
  readonly minimum: number
  readonly maximum: number
  readonly maxSurge: number | string
  readonly maxUnavailable: number | string
}

/**
 * Divides a pool among its zones as the reference does: numbers evenly, what is left over to the first zones; shares by how many of the pool's machines
 * a zone may have. A zone to which neither a surge nor an absence falls could not replace a machine: it may surge by one.
 * The name ends with the number of the zone when there are several, or always when `alwaysNumbered`.
 */
export function zonesOf(pool: DividedPool, technicalId: string, alwaysNumbered: boolean): readonly ZoneBlueprint[] {
  const zones: readonly (string | undefined)[] = pool.zones?.length ? pool.zones : [undefined]
  const numbered = alwaysNumbered || zones.length > 1
  return zones.map((zone, index) => {
    const part = { index, zones: zones.length, maximum: pool.maximum }
    const maxSurge = divideBound(pool.maxSurge, part)
    const maxUnavailable = divideBound(pool.maxUnavailable, part)
    return {
      machineDeployment: machineDeploymentName(technicalId, pool.name, numbered ? index + 1 : undefined),
      zone,
      minimum: divide(pool.minimum, part),
      maximum: divide(pool.maximum, part),
      maxSurge: isNothing(maxSurge) && isNothing(maxUnavailable) ? 1 : maxSurge,
      maxUnavailable,
    }
  })
}

interface Part {
  readonly index: number
  readonly zones: number
  /** Of the whole pool. */
  readonly maximum: number
}

function divide(amount: number, { index, zones }: Pick<Part, 'index' | 'zones'>): number {
  return Math.floor(amount / zones) + (index < amount % zones ? 1 : 0)
}

function divideBound(bound: number | string, part: Part): number | string {
  const share = percentageOf(bound)
  if (share === undefined) return divide(Number(bound), part)
  if (part.maximum % part.zones === 0) return `${share}%`
  return `${Math.ceil((share * divide(part.maximum, part) * part.zones) / part.maximum)}%`
}

function isNothing(bound: number | string): boolean {
  return Number.parseInt(String(bound), 10) === 0
}
