import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import { clusterTagPrefix } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import type { Ec2Client, Filter, Instance } from './client-types.ts'
import { isLive } from './server-finder.ts'

/** The servers behind a cluster's nodes, which are named by the servers' private DNS names. */
export interface NodeServers {
  /** The server of a node, in whatever state but ended; undefined when there is none. Never older than the question. */
  ofNode(node: string, signal?: AbortSignal): Promise<Instance | undefined>
  /** All that live. */
  all(): Promise<readonly Instance[]>
}

/** Most values that EC2 takes in one filter. */
const mostValues = 200

/** How long questions wait for others to share a call with. */
const gatherMilliseconds = 100

/** Filter of what belongs to a cluster, whatever the tag's value says. */
export function ownedBy(clusterName: string): Filter {
  return { Name: 'tag-key', Values: [`${clusterTagPrefix}${clusterName}`] }
}

/** The servers of the cluster of that name; questions about single nodes that come together share a call. */
export function createNodeServers(
  { clock, client }: { readonly clock: Clock; readonly client: Pick<Ec2Client, 'findInstances'> },
  clusterName: string,
): NodeServers {
  const owned = ownedBy(clusterName)
  const names = createCoalescer<Instance>(
    { clock },
    {
      most: mostValues,
      withinMilliseconds: gatherMilliseconds,
      fetch: async (keys) => {
        const found = await client.findInstances([owned, { Name: 'private-dns-name', Values: keys }])
        return new Map(found.filter(isLive).map((one) => [one.privateDnsName, one]))
      },
    },
  )
  return {
    ofNode: (node, signal) => names.ask(node, signal),
    all: async () => (await client.findInstances([owned])).filter(isLive),
  }
}
