import type { BenchContext } from '../context.ts'
import type { Rig } from '../rig.ts'
import type { ConnectProxy } from '../traffic/request.ts'

/** A way from the seed to the pod that is open. It ends with the laboratory. */
export interface OpenVariant {
  readonly rig: Rig
  /** The proxy to ask for the pod; absent when there is a route. */
  readonly proxy?: ConnectProxy
  /** The processes on the seed's side by name: whose memory counts. */
  seedProcesses(): Promise<Readonly<Record<string, number>>>
}

/** One of the ways that are compared: opens it in a rig of its own. */
export type Variant = (context: BenchContext) => Promise<OpenVariant>
