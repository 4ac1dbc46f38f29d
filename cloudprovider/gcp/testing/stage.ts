import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { createSystemClock } from '@trellis/foundation/clock'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { Registry } from 'prom-client'
import { createGoogleDriver } from '../src/driver.ts'
import { classFor, prepareNetwork } from './classes.ts'
import { type GoogleCloud, startGoogleCloud } from './google-cloud.ts'

/** A driver in front of an emulated cloud. */
export interface Stage {
  readonly cloud: GoogleCloud
  readonly clock: VirtualClock
  readonly driver: Driver
  readonly registry: Registry
  readonly request: ReturnType<typeof requestFor>
}

/** A request for a machine of the cluster `one`. */
export function requestFor(cloud: GoogleCloud, machineName = 'machine-a', change: object = {}) {
  return {
    machineName,
    providerSpec: { ...classFor('one'), ...change },
    secret: cloud.identity.secret,
    userData: '#cloud-config\n',
  }
}

/** Time stands still but for what a test moves, and what waits for time goes on at once. */
export async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(createSystemClock().now())
  await using cloud = await startGoogleCloud(clock)
  prepareNetwork(cloud)
  const registry = new Registry()
  const driver = createGoogleDriver({ clock, endpoint: cloud.endpoint, registry })
  await work({ cloud, clock, driver, registry, request: requestFor(cloud) })
}

/** A question that is gathered with others: lets the time pass that it waits for them. */
export async function look({ clock, driver }: Stage, request: Stage['request']) {
  const answer = driver.getMachineStatus(request).catch((error: unknown) => error)
  await clock.advance(100)
  return answer
}

/** Where the emulated cloud has the servers of such requests. */
export const instances = ({ cloud }: Stage) => `${cloud.project}/zones/europe-west1-b/instances`
/** Where it has their disks. */
export const disks = ({ cloud }: Stage) => `${cloud.project}/zones/europe-west1-b/disks`
/** What operations end with when a zone has no more of something. */
export const shortage = { code: 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', message: 'no n2-standard-2 is left' }
