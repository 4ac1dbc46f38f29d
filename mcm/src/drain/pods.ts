import type { Pod } from '@trellis/api/core/pod'
import { type KubernetesObject, keyOf, keyText } from '@trellis/api/meta'
import { controllerOf } from '../common/ownership.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'
const usualGraceSeconds = 30

/** Whether a pod must leave before its node may go: not when it is a mirror pod, of a DaemonSet, or has ended. */
export function mustLeave(pod: Pod): boolean {
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return false
  if (controllerOf(pod)?.kind === 'DaemonSet') return false
  return !hasEnded(pod)
}

/** Whether all containers of a pod have ended for good: it holds no volume any more. */
export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** A claim that a pod uses. */
export interface PodClaim {
  readonly namespace: string
  readonly name: string
  /** Whether it was made for this pod and goes with it: its volume will never be attached elsewhere. */
  readonly ephemeral: boolean
}

/** The claims of a pod's volumes. */
export function claimsOf(pod: Pod): readonly PodClaim[] {
  const { name: podName, namespace = 'default' } = pod.metadata
  return (pod.spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }): readonly PodClaim[] => {
    if (persistentVolumeClaim !== undefined) {
      return [{ namespace, name: persistentVolumeClaim.claimName, ephemeral: false }]
    }
    return ephemeral === undefined ? [] : [{ namespace, name: `${podName}-${name}`, ephemeral: true }]
  })
}

/** How important a pod is; one without a priority has the usual one. */
export function priorityOf(pod: Pod): number {
  return pod.spec?.priority ?? 0
}

/** How long a pod may take to stop. */
export function graceMilliseconds(pod: Pod): number {
  return (pod.spec?.terminationGracePeriodSeconds ?? usualGraceSeconds) * 1000
}

/** An object's name for people. */
export function nameOf(object: KubernetesObject): string {
  return keyText(keyOf(object))
}

/** Identity of a pod. */
export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? nameOf(pod)
}

/** What a drain needs of a pod; the rest is not kept. */
export function trimPod(pod: Pod): Pod {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, labels, ownerReferences, annotations } =
    pod.metadata
  const mirror = annotations?.[mirrorAnnotation]
  const { priority, terminationGracePeriodSeconds, nodeName } = pod.spec ?? {}
  const volumes = (pod.spec?.volumes ?? []).filter((volume) => claimSource(volume))
  return {
    apiVersion: pod.apiVersion,
    kind: pod.kind,
    metadata: {
      name,
      ...defined({ namespace, uid, resourceVersion, deletionTimestamp, labels }),
      ...(mirror === undefined ? {} : { annotations: { [mirrorAnnotation]: mirror } }),
      ...(ownerReferences === undefined
        ? {}
        : { ownerReferences: ownerReferences.filter(({ controller }) => controller) }),
    },
    spec: { containers: [], ...defined({ priority, terminationGracePeriodSeconds, nodeName }), volumes },
    status: defined({ phase: pod.status?.phase }),
  }
}

function claimSource({ persistentVolumeClaim, ephemeral }: NonNullable<NonNullable<Pod['spec']>['volumes']>[number]) {
  return persistentVolumeClaim !== undefined || ephemeral !== undefined
}

type Defined<Shape> = { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> }

function defined<Shape extends object>(shape: Shape): Defined<Shape> {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as Defined<Shape>
}
