import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { ComputeClient, Instance, Place } from './client.ts'
import type { GoogleProviderSpec } from './provider-spec.ts'

/** What every step of a server's life needs: the class, read, and the account that it names. */
export interface Session {
  readonly client: ComputeClient
  readonly spec: GoogleProviderSpec
  readonly clock: Clock
  readonly metrics: CallMetrics
  /** The server of that place if it is ours, together with other questions of the moment. */
  look(place: Place, call?: CallOptions): Promise<Instance | undefined>
}
