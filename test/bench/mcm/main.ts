import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { createSystemRandom } from '@trellis/foundation/random'
import { startBenchCluster } from './cluster.ts'
import { type BenchOptions, benchHelp, type PartName, readOptions } from './options.ts'
import { type BenchContext, deletePart, fleetPart, hundredPart, rollingPart, scalingPart } from './parts.ts'
import { bundleManager, ensureAssets } from './programs.ts'

const parts: Readonly<Record<PartName, (context: BenchContext) => Promise<object>>> = {
  fleet: fleetPart,
  hundred: hundredPart,
  delete: deletePart,
  rolling: rollingPart,
  scaling: scalingPart,
}

async function run(options: BenchOptions): Promise<object> {
  const clock = createSystemClock()
  const random = createSystemRandom()
  const tell = (text: string) => void process.stderr.write(`${text}\n`)
  process.env.KUBEBUILDER_ASSETS = await ensureAssets(clock, random, untilAskedToStop())
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'bench-mcm-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const program = await bundleManager(directory)
  tell(`manager: node ${program.arguments.slice(0, -1).join(' ')} ${JSON.stringify(program.environment)}`)
  const cluster = stack.use(await startBenchCluster(clock, random))
  const context: BenchContext = { clock, random, cluster, program, directory, options, tell }
  const results: object[] = []
  for (const name of options.parts) {
    const before = loadavg()[0]?.toFixed(1)
    const result = await parts[name](context)
    tell(`${name} (load ${before} before, ${loadavg()[0]?.toFixed(1)} after): ${JSON.stringify(result)}`)
    results.push(result)
  }
  const machine = { cores: availableParallelism(), load: loadavg().map((load) => Number(load.toFixed(2))) }
  return Object.assign({}, ...results, { machine })
}

try {
  const options = readOptions(process.argv.slice(2))
  process.stdout.write(options === undefined ? benchHelp : `${JSON.stringify(await run(options))}\n`)
} catch (error) {
  process.stderr.write(`bench:mcm: ${describe(error)}\n`)
  process.exitCode = 1
}
