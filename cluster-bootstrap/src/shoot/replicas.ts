import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { Client } from '@trellis/kubernetes/client'
import type { ZoneBlueprint } from './zones.ts'

/** How many machines each machine deployment of a namespace is asked for now, by name: by us before, by a user or by an autoscaler. */
export async function presentReplicas(client: Client, namespace: string): Promise<ReadonlyMap<string, number>> {
  const { items } = await client.list(machineDeployments, { namespace })
  return new Map(items.map((one) => [one.metadata.name, one.spec?.replicas ?? 0]))
}

/** How many machines a pool is to be asked for in a zone: what it has there now, as far as its bounds let it. */
export function wantedReplicas({ minimum, maximum }: ZoneBlueprint, present: number | undefined): number {
  return Math.min(Math.max(present ?? minimum, minimum), maximum)
}
