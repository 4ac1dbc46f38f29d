import { isDeepStrictEqual } from 'node:util'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import type { Lookups } from './lookups.ts'
import { ownershipMarks } from './ownership.ts'
import { refresh } from './ports.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { Server } from './resources.ts'

/** What can be changed on servers that run. */
export const mutableFields = [
  'spec.tags',
  'spec.securityGroups',
  'spec.podNetworkCidr',
  'spec.podNetworkCIDRs',
] as const

/** What updating works with. */
export interface UpdateContext {
  readonly client: OpenStackClient
  readonly lookups: Lookups
  readonly spec: OpenStackProviderSpec
  readonly call?: CallOptions
}

/**
 * Brings a server's metadata, and the security groups and let-through ranges of its ports, up to the class; only what differs is sent. Servers of the reference's manager
 * get the tags that they are found by. A port that Nova has not made yet is left to the next time.
 */
export async function updateServer(context: UpdateContext, server: Server): Promise<void> {
  const { client, lookups, spec, call } = context
  const stale = !isDeepStrictEqual({ ...server.metadata }, { ...spec.tags })
  const marks = ownershipMarks(spec.owned)
  const tags = server.tags ?? []
  const unmarked = !marks.every((mark) => tags.includes(mark))
  if ((stale || unmarked) && server.status === 'BUILD') {
    throw new Failure(
      'Unavailable',
      `the server ${server.name} is still being built: Nova lets nothing of it be changed`,
    )
  }
  if (stale) await client.setServerMetadata(server.id, spec.tags, call)
  if (unmarked) await client.setServerTags(server.id, [...new Set([...tags, ...marks])], call)
  const ports = await client.ports.list({ device_id: server.id }, call)
  const podNetworks = await Promise.all(
    spec.networks.filter(({ pods }) => pods).map((network) => lookups.network(network, call)),
  )
  for (const port of ports) await refresh(context, port, podNetworks.includes(port.network_id))
}
