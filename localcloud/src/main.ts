import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, isFailure } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { coreAddress } from './cloud-network.ts'
import { type Configuration, parseConfiguration } from './configuration.ts'
import { ensureCredentials } from './credentials.ts'
import { runDaemon } from './daemon.ts'
import { enterCloud } from './host-entry.ts'
import { hopelessExitCode, startCloud, stopCloud } from './launch.ts'
import { placesOf } from './names.ts'
import { openApiDocument } from './openapi.ts'
import { teardown } from './teardown.ts'

const clock = createSystemClock()
const runner = createCommandRunner()
const log = createLog('localcloud')
const programArguments = process.argv.slice(2)

async function main(): Promise<void> {
  const { command, configuration } = parseConfiguration(programArguments, process.env)
  if (command === 'start') return await startCloud({ clock, runner }, configuration)
  if (command === 'stop') {
    return await stopCloud({ clock }, placesOf(configuration.stateDirectory, configuration.runDirectory))
  }
  if (command === 'teardown') return await teardown({ clock, runner }, configuration)
  if (command === 'credentials') return await makeCredentials(configuration)
  if (command === 'openapi') return printOpenApi()
  // Machines run under other users, so what is made for them must be readable whatever the caller's mask is; secrets set their own mode.
  process.umask(0o022)
  await enterCloud(runner, configuration, [import.meta.filename, ...programArguments])
  await runDaemon({ clock, random: createSystemRandom(), log, runner }, configuration, untilAskedToStop())
}

async function makeCredentials({ stateDirectory, runDirectory, publicRange }: Configuration): Promise<void> {
  const { createCertificateMaker } = await import('@trellis/certificates/authority')
  const random = createSystemRandom()
  const ports = { clock, random, maker: createCertificateMaker({ clock, random }) }
  await ensureCredentials(ports, placesOf(stateDirectory, runDirectory).credentials, coreAddress(publicRange))
}

function printOpenApi(): void {
  process.stdout.write(`${JSON.stringify(openApiDocument(), null, 2)}\n`)
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    log.error({ error: describe(error) }, 'the cloud ends')
    process.exit(isFailure(error, 'Invalid', 'Conflict', 'NotFound') ? hopelessExitCode : 1)
  },
)
