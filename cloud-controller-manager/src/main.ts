import { createSystemClock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { startHealthServer } from '@trellis/foundation/health-server'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { createSystemRandom } from '@trellis/foundation/random'
import { createClient } from '@trellis/kubernetes/client'
import { createEventRecorder } from '@trellis/kubernetes/events'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { createQueueMetrics } from '@trellis/kubernetes/queue-prometheus'
import { Registry } from 'prom-client'
import { type CloudSettings, openCloud } from './clouds.ts'
import { type Configuration, parseConfiguration } from './configuration.ts'
import { createManager } from './manager.ts'

const component = 'cloud-controller-manager'

try {
  await run(parseConfiguration(process.argv.slice(2)), untilAskedToStop())
} catch (error) {
  process.stderr.write(`${component}: ${describe(error)}\n`)
  process.exitCode = 1
}

async function run(configuration: Configuration, signal: AbortSignal): Promise<void> {
  const clock = createSystemClock()
  const random = createSystemRandom()
  const log = createLog(component, configuration.logLevel)
  const registry = new Registry()
  registerProcessMetrics(registry)
  const { kubeconfig: file, clusterName, cloudProvider } = configuration
  const kubeconfig = await loadKubeconfig(file === undefined ? { inCluster: true } : { file })
  using client = createClient({ clock, kubeconfig, userAgent: `${component}/0` })
  using network = await openCloud(cloudProvider, { clock, registry }, cloudSettings(configuration))
  await using events = createEventRecorder({ client, clock, random, log, component })
  const manager = createManager({
    clock,
    random,
    log,
    client,
    network,
    events,
    controllers: configuration.controllers,
    clusterCidr: configuration.clusterCidr,
    metrics: createQueueMetrics(clock, registry, 'trellis_'),
  })
  await using health = await startHealthServer({
    host: configuration.host,
    port: configuration.port,
    ready: manager.ready,
    metrics: registry,
    status: () => ({ cluster: clusterName, cloud: cloudProvider, controllers: configuration.controllers }),
  })
  log.info({ cluster: clusterName, cloud: cloudProvider, port: health.port }, 'started')
  await manager.run(signal)
  log.info({}, 'stopped')
}

function cloudSettings({ cloudCredentials, cloudEndpoints, ...rest }: Configuration): CloudSettings {
  const { clusterName, network, region, loadBalancerProvider } = rest
  const place = { clusterName, network, region, loadBalancerProvider }
  return { ...place, credentialsDirectory: cloudCredentials, endpoints: cloudEndpoints }
}
