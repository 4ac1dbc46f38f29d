import { findCondition } from '@trellis/api/conditions'
import type { Pod } from '@trellis/api/core/pod'
import type { PodDisruptionBudget } from '@trellis/api/core/workload'
import { matchesSelector } from '@trellis/kubernetes/selectors'
import { nameOf } from './pods.ts'

/** What the disruption budgets say of one pod. */
export type BudgetVerdict =
  /** None covers it: whatever refuses to evict it is something else. */
  | { readonly kind: 'none' }
  /** The eviction API refuses pods that more than one budget covers, whatever they allow. */
  | { readonly kind: 'several'; readonly text: string }
  | {
      readonly kind: 'blocks'
      readonly text: string
      /** Whether it will never allow an eviction, although all its pods are well. */
      readonly misconfigured: boolean
    }
  | { readonly kind: 'allows'; readonly budget: string; readonly allowed: number; readonly version: string }

/** Tells what the budgets of the pod's namespace say of it. */
export function verdictOn(pod: Pod, budgets: readonly PodDisruptionBudget[]): BudgetVerdict {
  const [budget, ...others] = budgets.filter((candidate) => covers(candidate, pod)).sort(byName)
  if (budget === undefined) return { kind: 'none' }
  if (others.length > 0) {
    const names = [budget, ...others].map(nameOf).slice(0, 3).join(' and ')
    return { kind: 'several', text: `more than one PodDisruptionBudget covers it (${names}); leave it only one` }
  }
  const allowed = budget.status?.disruptionsAllowed ?? 0
  const version = budget.metadata.resourceVersion ?? ''
  if (allowed > 0) return { kind: 'allows', budget: nameOf(budget), allowed, version }
  const misconfigured = isMisconfigured(budget)
  return { kind: 'blocks', misconfigured, text: refusalText(budget, misconfigured) }
}

function covers({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace || spec?.selector === undefined) return false
  return matchesSelector(spec.selector, pod.metadata.labels)
}

/** Whether a budget allows nothing although its account is up to date and all its pods are well: waiting for it is in vain. */
export function isMisconfigured({ metadata, status }: PodDisruptionBudget): boolean {
  if (status === undefined) return false
  const { observedGeneration = 0, expectedPods = 0, currentHealthy = 0, disruptionsAllowed = 0 } = status
  return (
    disruptionsAllowed === 0 &&
    observedGeneration >= (metadata.generation ?? 0) &&
    expectedPods > 0 &&
    currentHealthy >= expectedPods &&
    Object.keys(status.disruptedPods ?? {}).length === 0
  )
}

function refusalText(budget: PodDisruptionBudget, misconfigured: boolean): string {
  const { currentHealthy = 0, expectedPods = 0, desiredHealthy = 0 } = budget.status ?? {}
  const since = findCondition(budget.status?.conditions, 'DisruptionAllowed')?.lastTransitionTime
  const figures = `${currentHealthy} of ${expectedPods} pods are healthy, ${desiredHealthy} must be`
  const begin = since ? `, since ${since}` : ''
  const remedy = misconfigured ? `; it never allows one while all its pods are well: ${advice(budget)}` : ''
  return `PodDisruptionBudget ${nameOf(budget)} allows 0 disruptions${begin} (${figures})${remedy}`
}

function advice({ spec }: PodDisruptionBudget): string {
  const { maxUnavailable, minAvailable } = spec ?? {}
  if (maxUnavailable !== undefined) return `raise its maxUnavailable of ${maxUnavailable}`
  return minAvailable === undefined
    ? 'give it a maxUnavailable'
    : `lower its minAvailable of ${minAvailable} or run more pods`
}

function byName(a: PodDisruptionBudget, b: PodDisruptionBudget): number {
  return nameOf(a) < nameOf(b) ? -1 : 1
}

/** What a drain needs of a budget; the rest is not kept. */
export function trimBudget({ apiVersion, kind, metadata, spec, status }: PodDisruptionBudget): PodDisruptionBudget {
  const { annotations: _, labels: __, ...identity } = metadata
  const kept = Object.fromEntries(Object.entries(identity).filter(([key]) => key !== 'managedFields'))
  return {
    apiVersion,
    kind,
    metadata: { ...kept, name: metadata.name },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  }
}
