import { readFile } from 'node:fs/promises'
import { type CloudEndpoints, endpointsOf } from '@trellis/cloudprovider/contract/cloud-endpoints'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { Registry } from 'prom-client'

/** What drivers are made with. */
export interface DriverPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly registry: Registry
  /** The cluster that machines join; that of the machines when there is none. */
  readonly client: Client
  /** Aborts when the process is to end. */
  readonly signal: AbortSignal
}

/** What the command line says about the cloud. */
export interface DriverSettings {
  /** Addresses in place of the cloud's own, by service, as in `{"ec2": "https://ec2.example"}`. */
  readonly endpoints: CloudEndpoints
  readonly simulatedCloudFile: string | undefined
}

type OpenDriver = (ports: DriverPorts, settings: DriverSettings) => Promise<Driver>

/**
 * Every driver, by the name that `--provider` and machine classes have for it. One more is a line here. Each is loaded only when it is asked for, so that a
 * process pays for no other cloud than its own.
 */
const drivers = {
  local: withoutEndpoints('local', async () =>
    (await import('@trellis/cloudprovider/local/driver')).createLocalDriver(),
  ),
  simulated: withoutEndpoints('simulated', openSimulated),
  AWS: async ({ clock, registry }, { endpoints }) => {
    const [{ createAwsDriver }, { awsServices }] = await Promise.all([
      import('@trellis/cloudprovider/aws/driver'),
      import('@trellis/cloudprovider/aws/caller'),
    ])
    return createAwsDriver({ clock, registry, endpoints: endpointsOf('AWS', awsServices, endpoints) })
  },
  OpenStack: withoutEndpoints('OpenStack', async ({ clock, registry }) => {
    const { createOpenStackDriver } = await import('@trellis/cloudprovider/openstack/driver')
    return createOpenStackDriver({ clock, registry })
  }),
  GCP: withoutEndpoints('GCP', async ({ clock, registry }) => {
    const { createGoogleDriver } = await import('@trellis/cloudprovider/gcp/driver')
    return createGoogleDriver({ clock, registry })
  }),
} satisfies Readonly<Record<string, OpenDriver>>

/** Name of a driver. */
export type ProviderName = keyof typeof drivers

/** Names of all drivers. */
export const providerNames = Object.keys(drivers) as readonly ProviderName[]

/** Whether there is a driver of this name. */
export function isProviderName(name: string): name is ProviderName {
  return Object.hasOwn(drivers, name)
}

/** Loads a driver; what its files hold may be `Invalid`, as may be addresses of services that the cloud does not have. */
export function openDriver(name: ProviderName, ports: DriverPorts, settings: DriverSettings): Promise<Driver> {
  const open: OpenDriver = drivers[name]
  return open(ports, settings)
}

/** A driver of a cloud whose addresses nobody sets on the command line. */
function withoutEndpoints(cloud: string, open: OpenDriver): OpenDriver {
  return async (ports, settings) => {
    endpointsOf(cloud, [], settings.endpoints)
    return open(ports, settings)
  }
}

async function openSimulated(ports: DriverPorts, { simulatedCloudFile: file }: DriverSettings): Promise<Driver> {
  const { clock, random, log, client, registry, signal } = ports
  const [
    { createSimulatedCloud },
    { createSimulatedDriver },
    { registerLedger },
    { startNodeMaker },
    { parseSettings },
  ] = await Promise.all([
    import('@trellis/cloudprovider/simulated/cloud'),
    import('@trellis/cloudprovider/simulated/driver'),
    import('@trellis/cloudprovider/simulated/ledger'),
    import('@trellis/cloudprovider/simulated/nodes'),
    import('@trellis/cloudprovider/simulated/settings'),
  ])
  const settings = parseSettings(file === undefined ? {} : JSON.parse(await readFile(file, 'utf8')))
  const cloud = createSimulatedCloud({ clock, random }, settings)
  registerLedger(registry, cloud)
  const { joinMilliseconds = 0, leaseMilliseconds, nodeLossMilliseconds } = settings
  const kubelets = { joinMilliseconds, leaseMilliseconds, nodeLossMilliseconds }
  startNodeMaker({ clock, random, log, cloud, client, ...kubelets }, signal)
  return createSimulatedDriver(cloud)
}
