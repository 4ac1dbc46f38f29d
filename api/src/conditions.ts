import type { Condition } from './meta.ts'

/** A condition as whoever observed it states it: when it began is not theirs to say. */
export type ConditionStatement = Omit<Condition, 'lastTransitionTime'>

/**
 * The conditions with one of them stated anew. Its `lastTransitionTime` becomes `now` (milliseconds since the epoch) only when
 * its status changed; the order of the others stays. The very same array comes back when nothing changed.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  statement: ConditionStatement,
  now: number,
): Condition[] {
  const present = conditions ?? []
  const before = present.find((condition) => condition.type === statement.type)
  const kept = before !== undefined && before.status === statement.status
  const after: Condition = { ...statement, lastTransitionTime: kept ? before.lastTransitionTime : instantText(now) }
  if (before === undefined) return [...present, after]
  if (kept && isSame(before, after)) return present as Condition[]
  return present.map((condition) => (condition.type === statement.type ? after : condition))
}

/** The conditions without one type. */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type)
}

/** The condition of a type. */
export function findCondition<Kind extends { type: string }>(
  conditions: readonly Kind[] | undefined,
  type: string,
): Kind | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Whether a condition is there and True. */
export function isConditionTrue(
  conditions: readonly { type: string; status: string }[] | undefined,
  type: string,
): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

/** An instant as Kubernetes writes it: RFC 3339 in whole seconds. */
export function instantText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}

function isSame(before: Condition, after: Condition): boolean {
  return (
    before.reason === after.reason &&
    before.message === after.message &&
    before.observedGeneration === after.observedGeneration
  )
}
