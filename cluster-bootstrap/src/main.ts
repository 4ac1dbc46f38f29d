import { readFile } from 'node:fs/promises'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createCloudClient } from '@trellis/cloudprovider/local/client'
import { readCredentialsDirectory } from '@trellis/cloudprovider/local/credentials-directory'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import { startHealthServer } from '@trellis/foundation/health-server'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { createSystemRandom } from '@trellis/foundation/random'
import { createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { Registry } from 'prom-client'
import { knownClouds } from './clouds/known-clouds.ts'
import { type Configuration, readConfiguration } from './configuration.ts'
import { createHelm } from './helm.ts'
import { type RunningProcess, startProcess } from './process.ts'

const userAgent = 'trellis-cluster-bootstrap/0.1.0'
const defaultHealthPort = 8080

async function main(signal: AbortSignal): Promise<void> {
  const configuration = await readConfiguration(process.argv.slice(2))
  const log = createLog('cluster-bootstrap', configuration.logLevel ?? 'info')
  const clock = createSystemClock()
  const random = createSystemRandom()
  const runner = createCommandRunner()
  const file = configuration.garden?.kubeconfig
  const kubeconfig = await loadKubeconfig(file === undefined ? { inCluster: true } : { file })
  const seedKubeconfig = file === undefined ? undefined : await readFile(file, 'utf8')
  const cloudCredentials = await readCredentialsDirectory(configuration.cloud.credentials)
  if ('socketPath' in cloudCredentials) throw new Failure('Invalid', 'the cloud must be reached by HTTPS')
  using garden = createClient({ clock, kubeconfig, userAgent })
  using seedCloud = createCloudClient(cloudCredentials)
  const running = startProcess(
    {
      clock,
      random,
      log,
      configuration,
      garden,
      seed: garden,
      seedKubeconfig,
      seedCloud,
      seedCredentials: { ...cloudCredentials },
      clouds: knownClouds,
      certificates: createCertificateMaker({ clock, random }),
      helm: createHelm({ runner, program: configuration.helm, chartsDirectory: configuration.chartsDirectory }),
      open: async (text) => createClient({ clock, kubeconfig: await loadKubeconfig({ text }), userAgent }),
    },
    signal,
  )
  await using _ = await startHealth(configuration, running)
  log.info({ seed: configuration.seedName }, 'started')
  await running.ended
}

function startHealth(configuration: Configuration, running: RunningProcess) {
  const metrics = new Registry()
  registerProcessMetrics(metrics)
  return startHealthServer({
    host: '0.0.0.0',
    port: configuration.healthPort ?? defaultHealthPort,
    metrics,
    status: running.status,
  })
}

try {
  await main(untilAskedToStop())
} catch (error) {
  process.stderr.write(`cluster-bootstrap: ${describe(error)}\n`)
  process.exitCode = 1
}
