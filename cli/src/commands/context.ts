import { join } from 'node:path'
import { type CertificateMaker, createCertificateMaker } from '@trellis/certificates/authority'
import { type CloudClient, createCloudClient } from '@trellis/cloudprovider/local/client'
import { createDistribution, type Distribution } from '@trellis/distribution/distribution'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { type CommandRunner, createCommandRunner } from '@trellis/foundation/command'
import { createLog, type Log } from '@trellis/foundation/log'
import { createSystemRandom, type Random } from '@trellis/foundation/random'
import { type CloudDaemon, createCloudDaemon } from '../cloud/daemon.ts'
import type { HostView } from '../doctor/check.ts'
import { createHostView } from '../doctor/host-view.ts'
import { type Installation, paths, readInstallation } from '../installation.ts'
import type { Screen } from '../view/progress-view.ts'

/** What every command works with. */
export interface CommandContext {
  readonly installation: Installation
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  readonly host: HostView
  readonly screen: Screen
  readonly certificates: CertificateMaker
  readonly distribution: Distribution
  readonly daemon: CloudDaemon
  readonly cloud: CloudClient
  /** Aborts when the user asks to stop. */
  readonly signal: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Builds the context once, at the start of the process. */
export function createCommandContext(signal: AbortSignal): CommandContext {
  const clock = createSystemClock()
  const random = createSystemRandom()
  const runner = createCommandRunner()
  const log = createLog('trellis', 'warn')
  const installation = readInstallation(process.env, join(import.meta.dirname, '../../..'))
  return {
    installation,
    clock,
    random,
    log,
    runner,
    host: createHostView(runner),
    screen: createTerminalScreen(),
    certificates: createCertificateMaker({ clock, random }),
    distribution: createDistribution({
      clock,
      random,
      log,
      runner,
      cacheDirectory: installation.cacheDirectory,
      repositoryDirectory: installation.repositoryDirectory,
    }),
    daemon: createCloudDaemon(runner, installation),
    cloud: createCloudClient({ socketPath: paths(installation).cloudSocket }),
    signal,
    environment: process.env,
  }
}

function createTerminalScreen(): Screen {
  return {
    write: (text) => void process.stdout.write(text),
    size: () =>
      process.stdout.isTTY ? { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 } : undefined,
  }
}
