import type { Node } from '@trellis/api/core/node'
import type { DaemonSet, Deployment, StatefulSet } from '@trellis/api/core/workload'

/** Whether what was asked for last is rolled out and every replica of it is available. */
export function isDeploymentAvailable({ metadata, spec, status }: Deployment): boolean {
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) >= wanted &&
    (status?.availableReplicas ?? 0) >= wanted
  )
}

/** Whether what was asked for last is rolled out and every replica of it is ready. */
export function isStatefulSetReady({ metadata, spec, status }: StatefulSet): boolean {
  const wanted = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? status?.currentReplicas ?? 0) >= wanted &&
    (status?.readyReplicas ?? 0) >= wanted
  )
}

/** Whether what was asked for last is rolled out and runs on every node that it should be on. */
export function isDaemonSetAvailable({ metadata, status }: DaemonSet): boolean {
  const wanted = status?.desiredNumberScheduled ?? 0
  return (
    status !== undefined &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status.updatedNumberScheduled ?? 0) >= wanted &&
    (status.numberAvailable ?? 0) >= wanted
  )
}

/** Whether a node is Ready. */
export function isNodeReady({ status }: Node): boolean {
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
}
