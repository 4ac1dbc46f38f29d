import { findCondition } from '@trellis/api/conditions'
import type { MachineDeployment, MachineDeploymentStatus } from '@trellis/api/machine/machine-deployment'
import { machineConditionReasons } from '@trellis/api/machine/well-known'
import type { Events } from '../common/events.ts'
import { avoidedClassesIn } from '../machine/class-choice.ts'

/** Tells people when deployments get into trouble. */
export interface TroubleTeller {
  /** Warns when the status that is being written gives a new reason, exhausts a class of which nothing was told, or answers a new spec; never because a number or an instant in the text changed. */
  tell(deployment: MachineDeployment, status: MachineDeploymentStatus): void
  /** Nobody asks about the deployment again. */
  forget(name: string): void
}

/** Makes a teller. It remembers which classes it told of, as a class that is tried again is not named meanwhile; losing that costs one event. */
export function createTroubleTeller(events: Events): TroubleTeller {
  const toldOf = new Map<string, ReadonlySet<string>>()
  return {
    tell: (deployment, status) => {
      const { type } = machineConditionReasons.replicaFailure
      const { name } = deployment.metadata
      const trouble = findCondition(status.conditions, type)
      const before = findCondition(deployment.status?.conditions, type)
      const { reason = type, message = '' } = trouble ?? {}
      if (trouble === undefined) {
        toldOf.delete(name)
        return
      }
      const sameReason = before !== undefined && (before.reason ?? type) === reason
      const told = sameReason ? (toldOf.get(name) ?? avoidedClassesIn(before.message ?? '')) : new Set<string>()
      const classes = avoidedClassesIn(message)
      if (classes.size > 0) toldOf.set(name, told.union(classes))
      else toldOf.delete(name)
      const respecified = deployment.status?.observedGeneration !== status.observedGeneration
      const saysMore = classes.size > 0 ? !classes.isSubsetOf(told) : respecified && message !== before?.message
      if (!sameReason || saysMore) events.warn(deployment, reason, message)
    },
    forget: (name) => void toldOf.delete(name),
  }
}
