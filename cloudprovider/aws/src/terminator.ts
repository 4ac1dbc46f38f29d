import { createCoalescer } from '@trellis/cloudprovider/contract/coalesce'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Ec2Client, InstanceState } from './client-types.ts'

/** Ends servers, many with one call. */
export interface Terminator {
  /** Where the server stands after that; undefined when there is no such server. */
  terminate(id: string, signal?: AbortSignal): Promise<InstanceState | undefined>
}

type Outcome = { readonly state: InstanceState } | { readonly error: unknown }

/** Most servers that one call ends, and how long the first of a call waits for others. */
const mostIds = 100
const gatherMilliseconds = 100

/** Gathers the ends of servers into calls. EC2 refuses a call altogether for one server that it cannot end: then each is tried by itself. */
export function createTerminator({
  clock,
  client,
}: {
  readonly clock: Clock
  readonly client: Pick<Ec2Client, 'terminateInstances'>
}): Terminator {
  const alone = async (id: string): Promise<readonly (readonly [string, Outcome])[]> => {
    try {
      const state = (await client.terminateInstances([id])).get(id)
      return state === undefined ? [] : [[id, { state }]]
    } catch (error) {
      return isFailure(error, 'NotFound') ? [] : [[id, { error }]]
    }
  }
  const coalescer = createCoalescer<Outcome>(
    { clock },
    {
      most: mostIds,
      withinMilliseconds: gatherMilliseconds,
      fetch: async (ids) => {
        const [first] = ids
        if (ids.length === 1 && first !== undefined) return new Map(await alone(first))
        try {
          const states = await client.terminateInstances(ids)
          return new Map([...states].map(([id, state]) => [id, { state }]))
        } catch (error) {
          if (!isFailure(error, 'NotFound', 'Conflict', 'Invalid', 'Forbidden')) throw error
          return new Map((await Promise.all(ids.map(alone))).flat())
        }
      },
    },
  )
  return {
    terminate: async (id, signal) => {
      const outcome = await coalescer.ask(id, signal)
      if (outcome === undefined) return undefined
      if ('error' in outcome) throw outcome.error
      return outcome.state
    },
  }
}
