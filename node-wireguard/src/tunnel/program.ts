import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { configurationPath } from '@trellis/foundation/configuration-file'
import { aborted } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import type { TunnelFile } from './file.ts'
import { followConfiguration } from './follow-configuration.ts'
import { fingerprintOf, readConfiguration } from './read-configuration.ts'
import { startTunnelServer } from './serve.ts'
import type { TunnelRole } from './settings.ts'
import { startTunnel } from './tunnel.ts'

/** One kind of end as a program. */
export interface TunnelProgram {
  readonly name: string
  /** Checks the configuration file's content; throws `Invalid` that names the field. */
  readonly parse: (input: unknown) => TunnelFile
  readonly role: TunnelRole
  readonly metricPrefix: string
  readonly ready: 'configured' | 'path'
  /** Whether the other ends are asked to send by other links before this one stops. */
  readonly leaves: boolean
}

/**
 * Runs one end from its command line (`--config FILE`) until the signal aborts. The file and the keys that it names are read again when they
 * change. Throws when the end cannot be set up.
 */
export async function runTunnelProgram(
  program: TunnelProgram,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const path = configurationPath(args)
  const clock = createSystemClock()
  const first = await readConfiguration(path, program)
  const log = createLog(program.name, first.file.logLevel ?? 'info')
  const environment = { clock, log, random: createSystemRandom(), runner: createCommandRunner() }
  await using tunnel = await startTunnel({ ...environment, settings: first.settings })
  await using server = await startTunnelServer({
    host: first.file.healthHost ?? '0.0.0.0',
    port: first.file.healthPort,
    metricPrefix: program.metricPrefix,
    ready: program.ready,
    status: tunnel.status,
  })
  log.info({ healthPort: server.port, links: first.settings.links.length }, 'the tunnel is set up')
  const following = followConfiguration({
    ...{ clock, log, signal, first },
    fingerprint: ({ paths }) => fingerprintOf(paths),
    read: () => readConfiguration(path, program),
    onChange: ({ settings }) => tunnel.change(settings),
  })
  await aborted(signal)
  log.info({}, 'the tunnel is stopping')
  await following
  if (program.leaves) await tunnel.leave()
}
