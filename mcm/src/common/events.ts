import type { KubernetesObject } from '@trellis/api/meta'

/** Tells people what happened to an object. Never throws and never holds up the caller. */
export interface Events {
  normal(object: KubernetesObject, reason: string, message: string): void
  warn(object: KubernetesObject, reason: string, message: string): void
  /** Something good that happens to many: told in one event on the object's owner, a few seconds later. */
  flock(object: KubernetesObject, reason: string, what: string): void
}
