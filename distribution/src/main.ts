import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, Failure } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { cacheDirectoryOf } from './cache-directory.ts'
import { createDistribution } from './distribution.ts'
import type { ProgressEvent, Source } from './store/part.ts'

const sources: readonly Source[] = ['host', 'download', 'build']

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      cache: { type: 'string', default: cacheDirectoryOf(process.env) },
      sources: { type: 'string', default: sources.join(',') },
    },
  })
  const distribution = createDistribution({
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: createLog('distribution', 'warn'),
    runner: createCommandRunner(),
    cacheDirectory: values.cache,
    repositoryDirectory: fileURLToPath(new URL('../..', import.meta.url)),
    sources: parseSources(values.sources),
  })
  const unknown = positionals.find((part) => !distribution.partNames.includes(part))
  if (unknown !== undefined)
    throw new Failure('Invalid', `there is no part ${unknown}`, {
      remedy: `parts: ${distribution.partNames.join(' ')}`,
    })
  const wanted = positionals.length === 0 ? undefined : positionals
  const parts = await distribution.ensure(wanted, printProgress, untilAskedToStop())
  process.stdout.write(`${JSON.stringify(parts, undefined, 2)}\n`)
}

function parseSources(text: string): readonly Source[] {
  return text.split(',').map((name) => {
    const source = sources.find((one) => one === name)
    if (source === undefined)
      throw new Failure('Invalid', `there is no source ${name}`, { field: '--sources', remedy: sources.join(',') })
    return source
  })
}

function printProgress(event: ProgressEvent): void {
  const seconds = event.seconds.toFixed(1).padStart(6)
  process.stderr.write(`${seconds}s  ${event.part.padEnd(24)} ${event.state} ${event.detail}\n`.replace(/ +\n$/, '\n'))
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${describe(error)}\n`)
  process.exitCode = 1
}
