import type { PlannedChange } from '../engine.ts'
import type { InfrastructureTask, Scene } from './scene.ts'
import { firewalls } from './tasks/firewalls.ts'
import { removeLeftByCluster } from './tasks/left-by-cluster.ts'
import { network } from './tasks/network.ts'
import { router } from './tasks/router.ts'
import { serviceAccount } from './tasks/service-account.ts'
import { internalSubnetwork, nodesSubnetwork } from './tasks/subnetworks.ts'

/** Tasks in the order in which they are applied; those of one line run side by side. What can refuse a change comes before what follows it. */
const lines: readonly (readonly InfrastructureTask[])[] = [
  [serviceAccount, network],
  [nodesSubnetwork, internalSubnetwork],
  [router, ...firewalls],
]

/** Makes what is missing and mends what differs, line by line. */
export async function applyAll(scene: Scene): Promise<void> {
  // A subnetwork that is wanted no more goes last: until then the router translates for it.
  const last = scene.wanted.internal === undefined ? [internalSubnetwork] : []
  for (const line of [...lines.map((tasks) => tasks.filter((task) => !last.includes(task))), last]) {
    await settled(line.map((task) => task.apply(scene)))
  }
}

/** What {@link applyAll} would do. */
export async function planAll(scene: Scene): Promise<readonly PlannedChange[]> {
  const changes = await Promise.all(lines.flat().map((task) => task.plan(scene)))
  return changes.flat()
}

/** Takes everything down, the last line first. */
export async function destroyAll(scene: Scene): Promise<void> {
  await removeLeftByCluster(scene)
  for (const line of lines.toReversed()) await settled(line.map((task) => task.destroy(scene)))
}

/** Waits for all, also when one fails, so that nothing goes on unseen; then the first failure is thrown. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
