import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { aborted } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { startTunnelServer } from './serve.ts'
import { readTunnelSettings, type TunnelFile, type TunnelRole } from './settings.ts'
import { startTunnel } from './tunnel.ts'

/** One kind of end as a program. */
export interface TunnelProgram {
  readonly name: string
  /** Checks the configuration file's content; throws `Invalid` that names the field. */
  readonly parse: (input: unknown) => TunnelFile
  readonly role: TunnelRole
  readonly metricPrefix: string
  readonly ready: 'configured' | 'path'
}

/** Runs one end from its command line (`--config FILE`) until the signal aborts. Throws when it cannot be set up. */
export async function runTunnelProgram(
  program: TunnelProgram,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const file = program.parse(await readConfigurationFile(args))
  const settings = await readTunnelSettings(file, program.role)
  const log = createLog(program.name, file.logLevel ?? 'info')
  const environment = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    log,
    runner: createCommandRunner(),
  }
  await using tunnel = await startTunnel({ ...environment, settings })
  await using server = await startTunnelServer({
    host: file.healthHost ?? '0.0.0.0',
    port: file.healthPort,
    metricPrefix: program.metricPrefix,
    ready: program.ready,
    status: tunnel.status,
  })
  log.info({ healthPort: server.port, interface: settings.interfaceName }, 'the tunnel is set up')
  await aborted(signal)
  log.info({}, 'the tunnel is stopping')
}

async function readConfigurationFile(args: readonly string[]): Promise<unknown> {
  const path = configurationPath(args)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('NotFound', `${path} cannot be read`, { field: '--config', cause: error })
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Failure('Invalid', `${path} is not JSON`, { field: '--config', cause: error })
  }
}

function configurationPath(args: readonly string[]): string {
  const usage = { field: '--config', remedy: 'start it with --config FILE and nothing else' }
  try {
    const { config } = parseArgs({ args: [...args], options: { config: { type: 'string' } } }).values
    if (config !== undefined) return config
  } catch (error) {
    throw new Failure('Invalid', 'the command line cannot be read', { ...usage, cause: error })
  }
  throw new Failure('Invalid', 'no configuration file is named', usage)
}
