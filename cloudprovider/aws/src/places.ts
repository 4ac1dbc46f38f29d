import {
  type CallBudgetSettings,
  type CallBudgets,
  createCallBudgets,
} from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { ClassSettings } from '@trellis/cloudprovider/contract/driver'
import { createKeeper, type Keeper } from '@trellis/cloudprovider/contract/keeper'
import { ownershipTags } from '@trellis/cloudprovider/contract/tags'
import type { Clock } from '@trellis/foundation/clock'
import type { AwsEndpoints } from './caller.ts'
import { createEc2Client } from './client.ts'
import type { Ec2Client } from './client-types.ts'
import type { Cluster, Place } from './cluster.ts'
import { type AwsCredentials, parseCredentials } from './credentials.ts'
import { createEc2Caller } from './ec2-caller.ts'
import { createImageFacts, type ImageFacts } from './image-facts.ts'
import { parseProviderSpec } from './provider-spec.ts'
import { createServerFinder } from './server-finder.ts'
import { createTerminator, type Terminator } from './terminator.ts'
import { createThingFinder } from './thing-finder.ts'

/** What places are made with. */
export interface PlacesOptions {
  readonly clock: Clock
  readonly metrics: CallMetrics
  readonly endpoints: AwsEndpoints
  /** Budgets of accounts. */
  readonly budgets: CallBudgets
}

/** Finds the place of a class: its account, its region, its cluster. */
export interface Places extends Disposable {
  /** Throws `Invalid` that names the field of the class or of its secret. */
  of(settings: ClassSettings): Place
}

/** Well below what EC2 allows by itself, and sinking when it refuses. EC2 rations each sort of call by itself. */
const budgetSettings: CallBudgetSettings = { perSecond: 20, burst: 100, leastPerSecond: 1 }

/** Credentials and clusters that are remembered. Those that went out of use give way to others. */
const mostConnections = 16
const mostClusters = 64

/** Budgets of calls, as all that calls AWS with the same credentials must share. */
export function createAwsBudgets(ports: { readonly clock: Clock }): CallBudgets {
  return createCallBudgets(ports, budgetSettings)
}

interface Connection extends Disposable {
  readonly client: Ec2Client
  readonly images: ImageFacts
  readonly terminator: Terminator
  readonly clusters: Keeper<Cluster>
}

/** Keeps a connection per region and credentials, and what is known of a cluster per cluster. Disposing closes the connections. */
export function createPlaces(options: PlacesOptions): Places {
  const { clock, metrics, budgets } = options
  const connections = createKeeper<Connection>({ most: mostConnections, close: (one) => one[Symbol.dispose]() })
  const connect = (region: string, credentials: AwsCredentials): Connection => {
    const client = createEc2Client(createEc2Caller({ ...options, region, credentials, budgets }))
    const ports = { clock, client }
    const shared = { images: createImageFacts(ports), terminator: createTerminator(ports) }
    return {
      client,
      ...shared,
      clusters: createKeeper({ most: mostClusters }),
      [Symbol.dispose]: () => client[Symbol.dispose](),
    }
  }
  return {
    of: (settings) => {
      const spec = parseProviderSpec(settings.providerSpec)
      const credentials = parseCredentials(settings.secret)
      const key = JSON.stringify([spec.region, credentials])
      const connection = connections.of(key, () => connect(spec.region, credentials))
      const owned = ownershipTags(spec.tags)
      const open = (): Cluster => {
        const { client, images, terminator } = connection
        const ports = { clock, client }
        const finders = { finder: createServerFinder(ports, owned), things: createThingFinder(ports, owned) }
        return { clock, metrics, client, images, terminator, owned, ...finders, mismatches: new Map() }
      }
      return { spec, cluster: connection.clusters.of(JSON.stringify(owned), open) }
    },
    [Symbol.dispose]: () => connections[Symbol.dispose](),
  }
}
