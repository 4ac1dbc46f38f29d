import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import type { Ec2Client } from './client-types.ts'
import type { ImageFacts } from './image-facts.ts'
import type { AwsProviderSpec } from './provider-spec.ts'
import type { ServerFinder } from './server-finder.ts'
import type { Tags } from './server-tags.ts'
import type { Terminator } from './terminator.ts'
import type { ThingFinder } from './thing-finder.ts'

/** One cluster's part of an account in one region: what every step of a server's life works with. */
export interface Cluster {
  readonly clock: Clock
  readonly metrics: CallMetrics
  readonly client: Ec2Client
  readonly images: ImageFacts
  readonly finder: ServerFinder
  readonly things: ThingFinder
  readonly terminator: Terminator
  /** Tags that mark what is the cluster's. */
  readonly owned: Tags
  /** When EC2 first said that a client token belongs to another request, by token. */
  readonly mismatches: Map<string, number>
}

/** A class's cluster, with what the class says. */
export interface Place {
  readonly cluster: Cluster
  readonly spec: AwsProviderSpec
}
