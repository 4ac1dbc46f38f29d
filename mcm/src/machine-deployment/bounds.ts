import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'

/** How far a rollout may stray from the wanted number of machines. */
export interface Bounds {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

/** How many machines a deployment is to have; none unless told: typed clients leave a zero out. */
export function wantedReplicas({ spec }: MachineDeployment): number {
  return Math.max(0, spec?.replicas ?? 0)
}

/** The bounds of a deployment's rollouts. Shares of the wanted number round up for surge and down for unavailability; at least one of the two is 1, or nothing could ever move. */
export function boundsOf(deployment: MachineDeployment): Bounds {
  const { type = 'RollingUpdate', rollingUpdate, inPlaceUpdate } = deployment.spec?.strategy ?? {}
  const replicas = wantedReplicas(deployment)
  if (type === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas }
  const given = type === 'InPlaceUpdate' ? inPlaceUpdate : rollingUpdate
  // Where people choose the machines, none is made for the sake of an update.
  const byHand = type === 'InPlaceUpdate' && inPlaceUpdate?.orchestrationType === 'Manual'
  const maxSurge = byHand ? 0 : resolve(given?.maxSurge ?? 1, replicas, Math.ceil)
  const maxUnavailable = Math.min(resolve(given?.maxUnavailable ?? 0, replicas, Math.floor), replicas)
  return maxSurge === 0 && maxUnavailable === 0 ? { maxSurge, maxUnavailable: 1 } : { maxSurge, maxUnavailable }
}

function resolve(value: number | string, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return Math.max(0, value)
  const percentage = /^(\d+)%$/.exec(value)?.[1]
  return percentage === undefined
    ? Math.max(0, Math.trunc(Number(value)) || 0)
    : round((Number(percentage) * total) / 100)
}
