import type { KubernetesObject, ObjectMeta, Resource } from '../meta.ts'
import { type CoreCondition, coreResource, type Quantities } from './common.ts'

/** Which taints a pod puts up with. */
export interface Toleration {
  key?: string
  operator?: string
  value?: string
  effect?: string
  tolerationSeconds?: number
}

/** A question that the kubelet asks a container. */
export interface Probe {
  httpGet?: { path?: string; port: number | string; scheme?: string; host?: string }
  tcpSocket?: { port: number | string; host?: string }
  exec?: { command?: string[] }
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  failureThreshold?: number
  successThreshold?: number
}

/** A program of a pod. */
export interface Container {
  name: string
  image?: string
  imagePullPolicy?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  env?: { name: string; value?: string; valueFrom?: Record<string, unknown> }[]
  ports?: { name?: string; containerPort: number; protocol?: string; hostPort?: number }[]
  resources?: { requests?: Quantities; limits?: Quantities }
  volumeMounts?: {
    name: string
    mountPath: string
    readOnly?: boolean
    subPath?: string
    mountPropagation?: string
  }[]
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  securityContext?: Record<string, unknown>
  restartPolicy?: string
}

/** A source of files of a pod; the fields beside the name are as in the Kubernetes API. */
export interface Volume {
  name: string
  secret?: { secretName?: string; optional?: boolean; defaultMode?: number; items?: { key: string; path: string }[] }
  configMap?: { name?: string; optional?: boolean; defaultMode?: number; items?: { key: string; path: string }[] }
  emptyDir?: { medium?: string; sizeLimit?: number | string }
  hostPath?: { path: string; type?: string }
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean }
  ephemeral?: { volumeClaimTemplate?: Record<string, unknown> }
  projected?: Record<string, unknown>
}

/** What a pod is made of. */
export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  volumes?: Volume[]
  nodeName?: string
  nodeSelector?: Record<string, string>
  hostNetwork?: boolean
  dnsPolicy?: string
  restartPolicy?: string
  priority?: number
  priorityClassName?: string
  serviceAccountName?: string
  automountServiceAccountToken?: boolean
  terminationGracePeriodSeconds?: number
  tolerations?: Toleration[]
  affinity?: Record<string, unknown>
  securityContext?: Record<string, unknown>
}

/** How a container of a pod fares. */
export interface ContainerStatus {
  name: string
  ready: boolean
  restartCount: number
  image?: string
  containerID?: string
  started?: boolean
  state?: {
    waiting?: { reason?: string; message?: string }
    running?: { startedAt?: string }
    terminated?: { exitCode: number; reason?: string; message?: string; finishedAt?: string }
  }
}

/** A group of containers that run together on a node. */
export interface Pod extends KubernetesObject {
  spec?: PodSpec
  status?: {
    phase?: string
    reason?: string
    message?: string
    conditions?: CoreCondition[]
    podIP?: string
    podIPs?: { ip: string }[]
    hostIP?: string
    startTime?: string
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
}

/** A pod that a controller makes. */
export interface PodTemplate {
  metadata?: Partial<ObjectMeta>
  spec?: PodSpec
}

/** Where pods are served. */
export const pods: Resource<Pod> = coreResource('Pod', 'pods')
