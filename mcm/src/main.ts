import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { withLimit } from '@trellis/cloudprovider/contract/with-limit'
import { withMetrics } from '@trellis/cloudprovider/contract/with-metrics'
import { withRetry } from '@trellis/cloudprovider/contract/with-retry'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { describe, Failure } from '@trellis/foundation/failure'
import { startHealthServer } from '@trellis/foundation/health-server'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog, type Log } from '@trellis/foundation/log'
import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { createSystemRandom, type Random } from '@trellis/foundation/random'
import { type ConnectedClient, createClient } from '@trellis/kubernetes/client'
import { createClientMetrics } from '@trellis/kubernetes/client-prometheus'
import type { RequestObservation } from '@trellis/kubernetes/client-requests'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { runWithLease } from '@trellis/kubernetes/lease'
import { Registry } from 'prom-client'
import { type ClusterSource, type Configuration, readConfiguration } from './configuration.ts'
import { flagHelp, flagTable } from './flags.ts'
import { untilEnded } from './grace.ts'
import { idleDriver } from './idle-driver.ts'
import { createManager } from './manager.ts'
import { profilePages } from './profiling.ts'

const program = 'machine-controller-manager'

/** What every part of the process is given. */
interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** How long work may take to end once it was asked to: with giving back the lease well below the time that the chart grants. */
const graceMilliseconds = 8000

/** Bytes below which a key for tokens would be too easy to guess. */
const shortestKeyBytes = 16

async function main(args: readonly string[]): Promise<void> {
  if (args.some((argument) => /^--?h(elp)?$/.test(argument))) {
    process.stdout.write(
      `${program}: turns Machine objects into servers and servers into nodes.\n\n${flagHelp(flagTable)}`,
    )
    return
  }
  const configuration = readConfiguration(args)
  const signal = untilAskedToStop()
  const ports: Ports = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: createLog(program, configuration.logLevel),
  }
  await run(configuration, ports, signal)
  ports.log.info({}, 'stopped')
}

async function run(configuration: Configuration, ports: Ports, signal: AbortSignal): Promise<void> {
  const { namespace } = configuration
  const registry = new Registry()
  registerProcessMetrics(registry)
  const traffic = { observe: createClientMetrics(registry), limit: configuration.requestLimit }
  using control = await connect(configuration.control, ports, traffic)
  using target = configuration.target === undefined ? undefined : await connect(configuration.target, ports, traffic)
  const driver = await createDriver(configuration, { ...ports, client: target ?? control, registry }, signal)
  const manager = createManager({
    ...ports,
    registry,
    control,
    ...(target === undefined ? {} : { target }),
    driver,
    namespace,
    settings: configuration.settings,
    tokens: {
      key: await readTokenKey(configuration.bootstrapTokenKeyFile),
      extraGroups: configuration.bootstrapTokenExtraGroups,
    },
    controllers: configuration.controllers,
    resyncMilliseconds: configuration.resyncMilliseconds,
    startIntervalMilliseconds: configuration.startIntervalMilliseconds,
    concurrentMachines: configuration.concurrentMachines,
    concurrentSyncs: configuration.concurrentSyncs,
    orphanPeriodMilliseconds: configuration.orphanPeriodMilliseconds,
    safety: configuration.safety,
    keepNodesDuringRollout: configuration.keepNodesDuringRollout,
  })
  let leading = false
  await using health = await startHealthServer({
    host: configuration.address,
    port: configuration.port,
    metrics: registry,
    // A replica that waits for the lease is ready to take over.
    ready: () => (leading ? manager.notReady() : undefined),
    status: () => ({ leading, ...(manager.status() as object) }),
    pages: {
      '/configz': () => ({ type: 'application/json', body: JSON.stringify({ componentconfig: configuration.flags }) }),
      ...(configuration.profiling ? profilePages(ports.clock, signal) : {}),
    },
  })
  ports.log.info({ namespace, port: health.port, provider: configuration.provider }, 'started')
  let ended = true
  const work = async (workSignal: AbortSignal) => {
    leading = true
    ended = await untilEnded(ports.clock, manager.run(workSignal), {
      signal: workSignal,
      milliseconds: graceMilliseconds,
    })
  }
  await lead(configuration, ports, { work, signal, observe: traffic.observe })
  if (ended) return
  ports.log.warn({}, 'stopped although some requests were not answered in time')
  // Their connections would keep the process alive.
  process.exit(0)
}

interface Leading extends Pick<Traffic, 'observe'> {
  readonly work: (signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
}

/** Works while the lease is held, or at once when there is none. */
async function lead(
  { leaderElection, control }: Configuration,
  ports: Ports,
  { work, signal, observe }: Leading,
): Promise<void> {
  if (leaderElection === undefined) return work(signal)
  // A container that is restarted in its pod takes up the lease that is still its own.
  const identity = process.env.POD_NAME ?? `${hostname()}_${ports.random.text(8)}`
  // Renewals must not wait behind the work's own requests.
  using renewing = await connect(control, ports, { observe, limit: undefined })
  await runWithLease({ ...ports, client: renewing, identity, signal, work, ...leaderElection })
}

/** What is counted and limited of the requests to an API server. */
interface Traffic {
  readonly observe: (observation: RequestObservation) => void
  readonly limit: Configuration['requestLimit']
}

async function connect(source: ClusterSource, { clock }: Ports, traffic: Traffic): Promise<ConnectedClient> {
  const { observe, limit } = traffic
  const kubeconfig = await loadKubeconfig(source)
  const limited = limit === undefined ? {} : { limit }
  return createClient({ clock, kubeconfig, userAgent: `${program}/0.1.0`, observe, ...limited })
}

/** Loads the one driver that is asked for, and puts metrics, limits and retries around it. */
async function createDriver(
  configuration: Configuration,
  ports: Ports & { readonly client: ConnectedClient; readonly registry: Registry },
  signal: AbortSignal,
): Promise<Driver> {
  const { clock, random, registry } = ports
  if (configuration.provider === undefined) return idleDriver
  const bare =
    configuration.provider === 'local'
      ? (await import('@trellis/cloudprovider/local/driver')).createLocalDriver()
      : await createSimulated(configuration.simulatedCloudFile, ports, signal)
  const limit = { concurrency: Math.max(8, configuration.concurrentMachines), perSecond: 100, burst: 200 }
  const measured = withMetrics({ clock, registry }, bare)
  return withRetry({ clock, random }, withLimit({ clock }, measured, limit))
}

async function createSimulated(
  file: string | undefined,
  { clock, random, log, client, registry }: Ports & { readonly client: ConnectedClient; readonly registry: Registry },
  signal: AbortSignal,
): Promise<Driver> {
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

async function readTokenKey(file: string | undefined): Promise<Uint8Array | undefined> {
  if (file === undefined) return undefined
  const field = '--bootstrap-token-key'
  const key = await readFile(file).catch((error: unknown) => {
    throw new Failure('Invalid', `${file} cannot be read`, { cause: error, field })
  })
  if (key.length >= shortestKeyBytes) return key
  throw new Failure('Invalid', `${file} holds ${key.length} bytes, too few for a key`, {
    field,
    remedy: `write at least ${shortestKeyBytes} random bytes to it`,
  })
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${program}: ${describe(error)}\n`)
  process.exit(1)
}
