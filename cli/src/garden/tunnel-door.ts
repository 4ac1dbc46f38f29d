import { services } from '@trellis/api/core/service'
import type { Client } from '@trellis/kubernetes/client'
import { garden } from './garden.ts'

/** Chart of the seed's front door; its Service and its Deployment are called the same. */
export const tunnelDoorChart = 'front-door'

/** Public address of the seed's front door; undefined while it has none. */
export async function findTunnelDoor(client: Client): Promise<string | undefined> {
  const service = await client.find(services, { namespace: garden.namespace, name: tunnelDoorChart })
  return service?.status?.loadBalancer?.ingress?.[0]?.ip
}

/** Values of the chart `front-door`: it takes those images that it knows. */
export function tunnelDoorValues(images: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  return { images: { [tunnelDoorChart]: images[tunnelDoorChart] } }
}
