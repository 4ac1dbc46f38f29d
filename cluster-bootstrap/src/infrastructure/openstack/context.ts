import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { OpenStackClient } from '@trellis/cloudprovider/openstack/client'
import { tagSyntax } from '@trellis/cloudprovider/openstack/provider-spec'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureRequest, InfrastructureState } from '../engine.ts'
import type { OpenStackInfrastructureConfiguration } from './configuration.ts'

/** The calls in use: those of the driver's connection. */
export type InfrastructureClient = OpenStackClient

/** What a task works with. */
export interface InfrastructureContext {
  readonly clock: Clock
  readonly random: Random
  readonly client: InfrastructureClient
  readonly configuration: OpenStackInfrastructureConfiguration
  /** Name of everything that is made. */
  readonly name: string
  /** Description of everything that is made: written in the same call that makes it, so nothing of ours is ever without. */
  readonly mark: string
  readonly pods: string
  readonly note: InfrastructureRequest['note']
  readonly call: CallOptions
  readonly memory: Memory
}

/** Ids of what was made. */
export interface Memory {
  recall(what: string): string | undefined
  /** Makes an id durable; undefined forgets it. Rememberings that come together are made durable one after the other. */
  remember(what: string, id: string | undefined): Promise<void>
  /** Everything remembered at present. */
  state(): InfrastructureState
}

/** The memory that a request's state begins with. */
export function createMemory({ state, save }: Pick<InfrastructureRequest, 'state' | 'save'>): Memory {
  let current = state
  let saved: Promise<void> = Promise.resolve()
  return {
    recall: (what) => current[what],
    state: () => current,
    remember: (what, id) => {
      if (current[what] === id) return saved
      const { [what]: _, ...others } = current
      current = id === undefined ? others : { ...others, [what]: id }
      saved = saved.catch(() => {}).then(() => save(current))
      return saved
    },
  }
}

/** What marks everything of a cluster. */
export function markOf(technicalId: string): string {
  return `${tagSyntax.clusterPrefix}${technicalId}`
}
