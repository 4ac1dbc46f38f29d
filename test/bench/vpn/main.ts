import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { createDistribution } from '@trellis/distribution/distribution'
import { createCache } from '@trellis/distribution/store/cache'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { openLaboratory } from 'node-wireguard/testing/namespaces'
import { mergeResults } from '../statistics.ts'
import type { BenchContext } from './context.ts'
import { type BenchOptions, benchHelp, type PartName, readOptions } from './options.ts'
import { execPart } from './parts/exec.ts'
import { frontDoorPart } from './parts/front-door.ts'
import { recoveryPart } from './parts/recovery.ts'
import { streamsPart } from './parts/streams.ts'
import { repositoryDirectory } from './programs.ts'

const parts: Readonly<Record<PartName, (context: BenchContext) => Promise<object>>> = {
  streams: streamsPart,
  recovery: recoveryPart,
  frontDoor: frontDoorPart,
  exec: execPart,
}

/** Each part has a laboratory of its own, so that what one leaves running does not slow the next. */
async function run(options: BenchOptions): Promise<object> {
  const signal = untilAskedToStop()
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'bench-vpn-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const tools = createTools(signal)
  const results: object[] = []
  for (const name of options.parts) {
    const before = loadavg()[0]?.toFixed(1)
    await using laboratory = openLaboratory()
    const result = await parts[name]({ ...tools, options, signal, laboratory, directory })
    tools.tell(`${name} (load ${before} before, ${loadavg()[0]?.toFixed(1)} after): ${JSON.stringify(result)}`)
    results.push(result)
  }
  const machine = { cores: availableParallelism(), load: loadavg().map((load) => Number(load.toFixed(2))) }
  return mergeResults([...results, { machine }])
}

function createTools(signal: AbortSignal) {
  const clock = createSystemClock()
  const random = createSystemRandom()
  const runner = createCommandRunner()
  const cacheDirectory = cacheDirectoryOf(process.env)
  const tell = (text: string) => void process.stderr.write(`${text}\n`)
  const log = createLog('bench', 'warn')
  const distribution = createDistribution({ clock, random, runner, log, cacheDirectory, repositoryDirectory })
  const ensureParts = async (names: readonly string[]) =>
    (
      await distribution.ensure(
        names,
        ({ part, state, detail }) => state !== 'present' && tell(`${part} ${state} ${detail}`),
        signal,
      )
    ).directories
  return { clock, random, runner, tell, ensureParts, cache: createCache(clock, random, runner, cacheDirectory) }
}

try {
  const options = readOptions(process.argv.slice(2))
  process.stdout.write(options === undefined ? benchHelp : `${JSON.stringify(await run(options))}\n`)
} catch (error) {
  process.stderr.write(`bench:vpn: ${describe(error)}\n`)
  process.exitCode = 1
}
