/** The part of a condition that all conditions share. */
export interface ConditionShape {
  type: string
  status: string
  lastTransitionTime?: string
}

/** A condition as whoever observed it states it: when it began is not theirs to say. */
export type ConditionStatement<Kind extends ConditionShape> = Omit<Kind, 'lastTransitionTime'>

/** Instants that say when a condition was written, not what it says. */
const bookkeeping = ['lastTransitionTime', 'lastUpdateTime', 'lastHeartbeatTime']

/**
 * The conditions with one of them stated anew. Its `lastTransitionTime` becomes `now` (milliseconds since the epoch) only when
 * its status changed; the order of the others stays. When the statement says nothing new, the conditions come back as they were.
 */
export function setCondition<Kind extends ConditionShape>(
  conditions: readonly Kind[] | undefined,
  statement: ConditionStatement<Kind>,
  now: number,
): Kind[] {
  const present = [...(conditions ?? [])]
  const before = present.find((condition) => condition.type === statement.type)
  const since =
    before?.status === statement.status && before.lastTransitionTime !== undefined
      ? before.lastTransitionTime
      : instantText(now)
  const after = { ...statement, lastTransitionTime: since } as Kind
  if (before === undefined) return [...present, after]
  if (content(before) === content(after) && before.lastTransitionTime === since) return present
  return present.map((condition) => (condition.type === statement.type ? after : condition))
}

/** The conditions without one type. */
export function removeCondition<Kind extends ConditionShape>(
  conditions: readonly Kind[] | undefined,
  type: string,
): Kind[] {
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

/** An instant (milliseconds since the epoch) as Kubernetes writes it: RFC 3339 in whole seconds. */
export function instantText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}

function content(condition: ConditionShape): string {
  const entries = Object.entries(condition).filter(([key, value]) => value !== undefined && !bookkeeping.includes(key))
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
