import type { KubernetesObject } from '@trellis/api/meta'

/** Tells people what happened to an object. Never throws and never holds up the caller. */
export interface Events {
  normal(object: KubernetesObject, reason: string, message: string): void
  warn(object: KubernetesObject, reason: string, message: string): void
}
