import type { KubernetesObject, LabelSelector, Resource } from '../meta.ts'
import type { CoreCondition } from './common.ts'
import type { PodTemplate } from './pod.ts'
import type { PersistentVolumeClaim } from './storage.ts'

/** Equal pods that are replaced in good order. */
export interface Deployment extends KubernetesObject {
  spec?: {
    replicas?: number
    selector: LabelSelector
    template: PodTemplate
    strategy?: {
      type?: string
      rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string }
    }
    minReadySeconds?: number
    progressDeadlineSeconds?: number
    revisionHistoryLimit?: number
    paused?: boolean
  }
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    availableReplicas?: number
    unavailableReplicas?: number
    conditions?: CoreCondition[]
  }
}

/** Pods with stable names and volumes. */
export interface StatefulSet extends KubernetesObject {
  spec?: {
    replicas?: number
    serviceName?: string
    selector: LabelSelector
    template: PodTemplate
    volumeClaimTemplates?: Partial<PersistentVolumeClaim>[]
    podManagementPolicy?: string
    updateStrategy?: { type?: string }
  }
  status?: {
    observedGeneration?: number
    replicas?: number
    readyReplicas?: number
    currentReplicas?: number
    updatedReplicas?: number
    availableReplicas?: number
    currentRevision?: string
    updateRevision?: string
  }
}

/** One pod on each node. */
export interface DaemonSet extends KubernetesObject {
  spec?: { selector: LabelSelector; template: PodTemplate; updateStrategy?: { type?: string } }
  status?: {
    observedGeneration?: number
    desiredNumberScheduled?: number
    currentNumberScheduled?: number
    updatedNumberScheduled?: number
    numberReady?: number
    numberAvailable?: number
    numberUnavailable?: number
  }
}

/** Pods that run to their end. */
export interface Job extends KubernetesObject {
  spec?: {
    template: PodTemplate
    completions?: number
    parallelism?: number
    backoffLimit?: number
    activeDeadlineSeconds?: number
    ttlSecondsAfterFinished?: number
  }
  status?: {
    active?: number
    succeeded?: number
    failed?: number
    startTime?: string
    completionTime?: string
    conditions?: CoreCondition[]
  }
}

/** How many pods may be evicted at once. */
export interface PodDisruptionBudget extends KubernetesObject {
  spec?: {
    selector?: LabelSelector
    minAvailable?: number | string
    maxUnavailable?: number | string
    unhealthyPodEvictionPolicy?: string
  }
  status?: {
    observedGeneration?: number
    currentHealthy?: number
    desiredHealthy?: number
    disruptionsAllowed?: number
    expectedPods?: number
    disruptedPods?: Record<string, string>
    conditions?: CoreCondition[]
  }
}

/** Where deployments are served. */
export const deployments: Resource<Deployment> = appsResource('Deployment', 'deployments')
/** Where stateful sets are served. */
export const statefulSets: Resource<StatefulSet> = appsResource('StatefulSet', 'statefulsets')
/** Where daemon sets are served. */
export const daemonSets: Resource<DaemonSet> = appsResource('DaemonSet', 'daemonsets')
/** Where jobs are served. */
export const jobs: Resource<Job> = { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true }
/** Where pod disruption budgets are served. */
export const podDisruptionBudgets: Resource<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
}

function appsResource<Kind extends KubernetesObject>(kind: string, plural: string): Resource<Kind> {
  return { group: 'apps', version: 'v1', kind, plural, namespaced: true }
}
