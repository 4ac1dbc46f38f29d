import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { configurationPath, readJsonFile } from '@trellis/foundation/configuration-file'
import { describe } from '@trellis/foundation/failure'
import { aborted, untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { keepReturningMemory } from '@trellis/foundation/resident-memory'
import { configurationParser } from './configuration.ts'
import { openFrontDoor } from './front-door.ts'

const stopping = untilAskedToStop()
try {
  await using _memory = keepReturningMemory({ clock: createSystemClock() })
  const file = configurationParser.parse(await readJsonFile(configurationPath(process.argv.slice(2))))
  const log = createLog('front-door', file.logLevel ?? 'info')
  const environment = {
    clock: createSystemClock(),
    random: createSystemRandom(),
    log,
    runner: createCommandRunner(),
    signal: stopping,
  }
  await using door = await openFrontDoor(environment, file)
  log.info({ healthPort: door.healthPort }, 'the front door is open')
  await aborted(stopping)
  log.info({}, 'the front door is closing')
} catch (error) {
  if (!stopping.aborted) {
    process.stderr.write(`front-door: ${describe(error)}\n`)
    process.exitCode = 1
  }
}
