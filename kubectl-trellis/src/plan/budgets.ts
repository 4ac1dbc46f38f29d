import { type Pod, pods } from '@trellis/api/core/pod'
import { type PodDisruptionBudget, podDisruptionBudgets } from '@trellis/api/core/workload'
import { keyOf, keyText } from '@trellis/api/meta'
import type { Client } from '@trellis/kubernetes/client'
import { matchesSelector } from '@trellis/kubernetes/selectors'
import { mustLeave } from '@trellis/mcm/drain/pods'

/** A pod that could not be evicted just now. */
export interface Blocker {
  readonly machine: string
  readonly pod: string
  readonly budgets: readonly string[]
  readonly why: string
}

/** A machine that would be drained, and its node. */
export interface Leaver {
  readonly machine: string
  readonly node: string | undefined
}

/** Asks the cluster which budgets would hold up the drain of these machines as things stand. */
export async function findBlockers(target: Client, leavers: readonly Leaver[]): Promise<readonly Blocker[]> {
  if (leavers.length === 0) return []
  const [podList, budgetList] = await Promise.all([target.list(pods), target.list(podDisruptionBudgets)])
  return blockersAmong(podList.items, budgetList.items, leavers)
}

/** The pods on these machines' nodes that must leave and may not. */
export function blockersAmong(
  podsThere: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
  leavers: readonly Leaver[],
): readonly Blocker[] {
  const byNode = new Map(leavers.map(({ machine, node }) => [node, machine]))
  return podsThere.flatMap((pod): readonly Blocker[] => {
    const machine = byNode.get(pod.spec?.nodeName)
    if (machine === undefined || pod.spec?.nodeName === undefined || !mustLeave(pod)) return []
    const covering = budgets.filter((budget) => covers(budget, pod))
    const why = whyNot(covering)
    const names = covering.map((budget) => keyText(keyOf(budget)))
    return why === undefined ? [] : [{ machine, pod: keyText(keyOf(pod)), budgets: names, why }]
  })
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector
  return (
    selector !== undefined &&
    budget.metadata.namespace === pod.metadata.namespace &&
    matchesSelector(selector, pod.metadata.labels)
  )
}

function whyNot(covering: readonly PodDisruptionBudget[]): string | undefined {
  if (covering.length > 1) return 'more than one budget covers the pod, so the API server refuses any eviction'
  const [budget] = covering
  if (budget === undefined || (budget.status?.disruptionsAllowed ?? 0) > 0) return undefined
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {}
  return `0 disruptions allowed: ${currentHealthy} healthy, ${desiredHealthy} wanted`
}
