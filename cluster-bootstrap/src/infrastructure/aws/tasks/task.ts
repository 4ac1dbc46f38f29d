import type { InfrastructureConfig } from '../configuration.ts'
import type { World } from '../world.ts'

/** One part of the infrastructure. Both methods are harmless to repeat. */
export interface InfrastructureTask {
  readonly id: string
  /** Parts that must be there before it, and go after it. */
  readonly dependsOn: readonly string[]
  /** Makes it, adopts it, or changes what differs. */
  apply(world: World, config: InfrastructureConfig): Promise<void>
  /** Takes it down; needs no configuration, since names and ids tell what is there. */
  destroy(world: World): Promise<void>
}
