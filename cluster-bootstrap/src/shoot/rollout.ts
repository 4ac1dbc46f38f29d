import type { Deployment } from '@trellis/api/core/workload'
import { isDeploymentAvailable } from './workloads.ts'

/** What is to be done next with workloads that stand in for each other: nothing, let one of those that are held go on, or wait. */
export type RolloutStep =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'release'
      readonly name: string
      /** Those that stand in for it while its pod is replaced; none when it serves nobody anyway. */
      readonly standIns: readonly string[]
    }
  | { readonly kind: 'wait'; readonly missing: string }

/** Whether somebody is served by it, be it by what was asked for last or by what was before. */
export function isServing({ spec, status }: Deployment): boolean {
  return (status?.availableReplicas ?? 0) >= (spec?.replicas ?? 1)
}

/** Whether its pods are left as they are, whatever is asked for: by `paused`, which belongs to us alone. */
export function isHeld({ spec }: Deployment): boolean {
  return spec?.paused === true
}

/**
 * One is let go at a time, and only when all that are not held run what was asked for last. Whoever is held without serving anybody loses nothing and goes at once, so nothing here waits for one
 * that is broken.
 */
export function nextRolloutStep(deployments: readonly Deployment[]): RolloutStep {
  const held = deployments.filter(isHeld)
  const broken = held.find((one) => !isServing(one))
  if (broken !== undefined) return { kind: 'release', name: broken.metadata.name, standIns: [] }
  const [first] = held
  if (first === undefined) return { kind: 'done' }
  const unsettled = deployments.filter((one) => !(isHeld(one) || isDeploymentAvailable(one)))
  if (unsettled.length > 0) {
    const names = unsettled.map(({ metadata }) => metadata.name).join(', ')
    return { kind: 'wait', missing: `${first.metadata.name} waits for ${names}` }
  }
  const standIns = deployments.filter((one) => one !== first).map(({ metadata }) => metadata.name)
  return { kind: 'release', name: first.metadata.name, standIns }
}
