import type { Pod } from '@trellis/api/core/pod'
import { controllerOf } from '../common/ownership.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Whether a pod must leave before its node may go: not when it is a mirror pod, of a DaemonSet, or has ended. */
export function mustLeave(pod: Pod): boolean {
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return false
  if (controllerOf(pod)?.kind === 'DaemonSet') return false
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
}
