import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import type { LoadBalancer } from './resources.ts'

/** What waiting needs. */
export interface WaitOptions {
  readonly clock: Clock
  readonly client: Pick<OpenStackClient, 'loadBalancers'>
}

/** Pauses between questions, and how long a load balancer may take: some are servers that have to boot. */
const firstPauseMilliseconds = 50
const longestPauseMilliseconds = 2000
const limitMilliseconds = 600_000

/** The load balancer once Octavia has nothing to do on it any more; undefined when it is gone. */
export async function whenIdle(
  { clock, client }: WaitOptions,
  id: string,
  call: CallOptions | undefined,
): Promise<LoadBalancer | undefined> {
  const end = clock.now() + limitMilliseconds
  for (let pause = firstPauseMilliseconds; ; pause = Math.min(pause * 2, longestPauseMilliseconds)) {
    const found = await unlessGone(client.loadBalancers.get(id, call))
    if (found === undefined || found.provisioning_status === 'DELETED') return undefined
    if (!found.provisioning_status.startsWith('PENDING')) return found
    if (clock.now() > end) throw new Failure('Unavailable', `Octavia does not come to an end with ${found.name}`)
    await clock.sleep(pause, call?.signal)
  }
}

async function unlessGone<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}
