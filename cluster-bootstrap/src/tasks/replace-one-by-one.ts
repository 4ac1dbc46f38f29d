import { type Deployment, deployments } from '@trellis/api/core/workload'
import type { Client } from '@trellis/kubernetes/client'
import { isServing, nextRolloutStep, type RolloutStep } from '../shoot/rollout.ts'
import { waitFor } from '../wait.ts'

/** Deployments that stand in for each other, so that they may not all be replaced at once. */
export interface StandInGroup {
  readonly client: Client
  readonly namespace: string
  /** Selects the Deployments. */
  readonly labelSelector: string
  /** Whether there are or will be several: one alone is replaced at once. */
  readonly several: boolean
}

/** How a change of a group is carried out. */
export interface ReplaceOptions {
  readonly groups: readonly StandInGroup[]
  /** Asks for what is to be, as Helm does; must not mention `spec.paused`. */
  readonly install: () => Promise<void>
  /** Called before one that serves is replaced, with the names of those that stand in for it; waits until they really can. */
  readonly standInsReady?: (standIns: readonly string[]) => Promise<void>
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/**
 * Changes Deployments that stand in for each other one after the other: those that serve are paused, all are changed, and each goes on only when the others run what is wanted. What is new starts at
 * once. Harmless to repeat, and to break off: what was left paused goes on by the next call. Ends when the last was let go, not when it runs.
 */
export async function replaceOneByOne(options: ReplaceOptions): Promise<void> {
  for (const group of options.groups) await hold(group)
  await options.install()
  for (const group of options.groups) await letGo(group, options)
}

async function hold(group: StandInGroup): Promise<void> {
  if (!group.several) return
  const { client, namespace, labelSelector } = group
  const { items } = await client.list(deployments, { namespace, labelSelector })
  for (const one of items.filter(isServing)) await setPaused(group, one.metadata.name, true)
}

async function letGo(group: StandInGroup, options: ReplaceOptions): Promise<void> {
  const { client, namespace, labelSelector } = group
  const { signal, note } = options
  type Next = Exclude<RolloutStep, { readonly kind: 'wait' }>
  for (;;) {
    const step = await waitFor<Deployment, Next>({
      ...{ client, resource: deployments, selection: { namespace, labelSelector }, signal, note },
      judge: (found) => {
        const next = nextRolloutStep(found)
        return next.kind === 'wait' ? next : { value: next }
      },
    })
    if (step.kind === 'done') return
    if (step.standIns.length > 0) await options.standInsReady?.(step.standIns)
    await setPaused(group, step.name, false)
  }
}

async function setPaused({ client, namespace }: StandInGroup, name: string, paused: boolean): Promise<void> {
  await client.patch(deployments, { namespace, name }, { spec: { paused } })
}
