import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { median, round } from '../statistics.ts'
import type { BenchCluster } from './cluster.ts'
import { type Fleet, plantFleet } from './fleet.ts'
import { cloud, type ManagerProcess, startManager } from './manager-process.ts'
import type { BenchOptions } from './options.ts'
import type { ManagerProgram } from './programs.ts'
import { difference } from './requests.ts'

/** What every part works with. */
export interface BenchContext {
  readonly clock: Clock
  readonly random: Random
  readonly cluster: BenchCluster
  readonly program: ManagerProgram
  readonly directory: string
  readonly options: BenchOptions
  /** Tells people how far it is. */
  readonly tell: (text: string) => void
}

/** A manager of its own in front of a fleet of its own. */
interface Stage extends AsyncDisposable {
  readonly manager: ManagerProcess
  readonly fleet: Fleet
}

async function setUp(context: BenchContext, namespace: string): Promise<Stage> {
  const { cluster, directory, options } = context
  await cluster.namespace(namespace)
  const manager = await startManager({
    ...context,
    directory: await mkdtemp(join(directory, 'manager-')),
    kubeconfig: cluster.managerKubeconfig,
    namespace,
    profile: options.profile,
  })
  const fleet = await plantFleet({ ...context, client: cluster.client, namespace })
  await fleet.scaleTo(0)
  return { manager, fleet, [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose]() }
}

/** What a change of a fleet cost. */
async function measure(
  { cluster }: BenchContext,
  manager: ManagerProcess,
  machines: number,
  work: () => Promise<number>,
) {
  const cpu = await manager.cpuSeconds()
  const requests = await cluster.requests.total()
  const kinds = await cluster.requests.byKind()
  const seconds = await work()
  const cpuSeconds = round((await manager.cpuSeconds()) - cpu)
  return {
    machines,
    seconds: round(seconds),
    requestsPerMachine: round(((await cluster.requests.total()) - requests) / machines),
    cpuSeconds,
    requestsByKind: difference(kinds, await cluster.requests.byKind()),
  }
}

/** 0 → n, n idle, n → 0. */
export async function fleetPart(context: BenchContext): Promise<object> {
  const { fleet: count } = context.options
  await using stage = await setUp(context, 'fleet')
  const up = await measure(context, stage.manager, count, () => stage.fleet.scaleTo(count))
  const peakServers = await exactly(stage, count)
  const idle = await rest(context, stage.manager)
  const down = await measure(context, stage.manager, count, () => stage.fleet.scaleTo(0))
  return { up: { ...up, peakServers }, down, idle }
}

/** The cloud's own ledger is asked: a controller that made servers too many might not know of them. */
async function exactly({ manager }: Stage, most: number, least = most): Promise<number> {
  const peak = await manager.peakServers()
  if (peak >= least && peak <= most) return peak
  throw new Failure('Conflict', `the cloud had ${peak} servers at one time, ${least} to ${most} were asked for`)
}

/** What a manager costs that has nothing to do. */
async function rest({ clock, cluster, options }: BenchContext, manager: ManagerProcess) {
  await clock.sleep(options.settleSeconds * 1000)
  const begin = clock.now()
  const cpu = await manager.cpuSeconds()
  const requests = await cluster.requests.total()
  await clock.sleep(options.idleSeconds * 1000)
  const seconds = (clock.now() - begin) / 1000
  return {
    rssMiB: round(await manager.residentMebibytes()),
    cpuPercent: round((((await manager.cpuSeconds()) - cpu) / seconds) * 100),
    requestsPerSecond: round(((await cluster.requests.total()) - requests) / seconds),
  }
}

/** 0 → 100 → 0. */
export async function hundredPart(context: BenchContext): Promise<object> {
  const count = Math.min(100, context.options.fleet)
  await using stage = await setUp(context, 'hundred')
  const up = await measure(context, stage.manager, count, () => stage.fleet.scaleTo(count))
  await exactly(stage, count)
  const down = await measure(context, stage.manager, count, () => stage.fleet.scaleTo(0))
  return { hundred: { up, down } }
}

/** One machine without pods, deleted by hand: the median of three. */
export async function deletePart(context: BenchContext): Promise<object> {
  await using stage = await setUp(context, 'delete')
  await stage.fleet.scaleTo(4)
  const tries: number[] = []
  for (let count = 0; count < 3; count++) {
    tries.push(round(await stage.fleet.deleteOne()))
    await stage.fleet.settled()
  }
  await stage.fleet.scaleTo(0)
  return { delete: { seconds: median(tries), tries } }
}

/** Replaces every machine, 10 % more than wanted at a time and none fewer. */
export async function rollingPart(context: BenchContext): Promise<object> {
  const { rolling: count } = context.options
  await using stage = await setUp(context, 'rolling')
  await stage.fleet.scaleTo(count)
  const surge = Math.ceil(count / 10)
  const rolling = await measure(context, stage.manager, count, () => stage.fleet.roll())
  const peakServers = await exactly(stage, count + surge, count + 1)
  await stage.fleet.scaleTo(0)
  const { createMilliseconds, joinMilliseconds, deleteMilliseconds } = cloud
  const wave = (createMilliseconds + joinMilliseconds + deleteMilliseconds) / 1000
  return { rolling: { ...rolling, idealSeconds: Math.ceil(count / surge) * wave, peakServers } }
}

/** 0 → n → 0 for growing n in one manager that has warmed up. */
export async function scalingPart(context: BenchContext): Promise<object> {
  await using stage = await setUp(context, 'scaling')
  const scaling: object[] = []
  await stage.fleet.scaleTo(warmUpMachines)
  await stage.fleet.scaleTo(0)
  for (const count of context.options.scaling) {
    const { seconds, cpuSeconds } = await measure(context, stage.manager, count, () => stage.fleet.scaleTo(count))
    const size = { machines: count, seconds, cpuSecondsPerMachine: round(cpuSeconds / count, 5) }
    context.tell(`scaling: ${JSON.stringify(size)}`)
    scaling.push(size)
    await stage.fleet.scaleTo(0)
  }
  return { scaling }
}

/** Enough for the runtime to have compiled what it will compile. */
const warmUpMachines = 200
