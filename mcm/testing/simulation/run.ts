import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { SimulatedSettings } from '@trellis/cloudprovider/simulated/settings'
import { describe, Failure } from '@trellis/foundation/failure'
import { createSeededRandom, type Random } from '@trellis/foundation/random'
import { divisions } from '../divisions.ts'
import { type Action, createUsers, plantClasses } from './actions.ts'
import { Breach, type Invariant } from './breach.ts'
import { type Census, unfinished } from './convergence.ts'
import { beginnings, drawAction, drawThemes } from './draws.ts'
import { noOrphans, noSkippedDrains, noSurvivors } from './endings.ts'
import { drawRates, type FaultRates } from './faults.ts'
import { frozenIsFrozen } from './freezing.ts'
import { noLostUpdates } from './lost-updates.ts'
import { type Outcomes, watchOutcomes } from './outcomes.ts'
import { noEarlyEnds } from './preserving.ts'
import { noSurplus } from './surplus.ts'
import { updatesInPlace } from './updates-in-place.ts'
import { createWorld, namespace, type World, type WorldOptions } from './world.ts'
import { actOnWorld, setOutage } from './world-actions.ts'

/** An action and when it is done, in seconds from the beginning. */
export type Step = Action & { readonly at: number }

/** One run, wholly determined. */
export interface Script {
  readonly seed: string
  readonly rates: FaultRates
  readonly cloud: SimulatedSettings
  readonly joinMilliseconds: number
  readonly steps: readonly Step[]
  readonly shuffle?: boolean
  /** Name of the division of the controllers' work (`testing/divisions`); one process does it all unless told. */
  readonly division?: string
  /** Loses the process at that write, counted from 1. */
  readonly crashAt?: { readonly write: number; readonly moment: 'before' | 'after' }
}

/** How a run ended. */
export interface RunResult {
  /** The promise that was broken. */
  readonly breach: Breach | undefined
  /** What happened, where it was asked for. */
  readonly trace: readonly string[]
  readonly writes: number
  /** Virtual time that everything took to be as wanted after the last fault. */
  readonly settledAfterMilliseconds: number
  /** What came about that is worth meeting. */
  readonly outcomes: Outcomes
}

/** How a run may be meddled with. */
export interface RunOptions {
  readonly traces?: boolean
  /** Puts a broken driver in front of the cloud. */
  readonly tamper?: WorldOptions['tamper']
  /** Does harm that nothing in a run does, to see whether it is noticed. */
  readonly sabotage?: (world: World) => void
}

const minute = 60_000
/** After the last fault everything is as wanted within this time, and stays so. */
const settleMilliseconds = 150 * minute
const quietMilliseconds = 12 * minute

/** The script of a seed. */
export function scriptOf(seed: string): Script {
  const random = createSeededRandom(`simulation/${seed}`)
  const length = 300 + random.integer(1500)
  const count = 5 + random.integer(25)
  const instants = Array.from({ length: count }, () => random.integer(length)).sort((left, right) => left - right)
  const replicas = 1 + random.integer(4)
  const first: Step = { at: 0, do: 'create-deployment', name: 'alpha', replicas }
  const app: Step = { at: 1, do: 'app', name: 'app-0', replicas: random.integer(5) }
  const about = drawThemes(random)
  const beginning = beginnings(about, random).map((action): Step => ({ at: 1, ...action }))
  return {
    seed,
    rates: random.integer(8) === 0 ? { ...drawRates(random), crash: 0.1 } : drawRates(random),
    cloud: drawCloud(random),
    joinMilliseconds: random.integer(60_000),
    steps: [first, app, ...beginning, ...instants.map((at) => ({ at, ...drawAction(random, about) }))],
    shuffle: random.integer(2) === 0,
    ...drawDivision(createSeededRandom(`division/${seed}`)),
  }
}

/** One run in six is of several processes. */
function drawDivision(random: Random): Pick<Script, 'division'> {
  const division = divisions[random.integer(divisions.length * 6)]
  return division === undefined ? {} : { division: division.name }
}

function partsOf({ division }: Script): Pick<WorldOptions, 'parts'> {
  if (division === undefined) return {}
  const found = divisions.find(({ name }) => name === division)
  if (found === undefined) throw new Failure('NotFound', `there is no division ${division}`, { field: 'division' })
  return { parts: found.parts }
}

function drawCloud(random: Random): SimulatedSettings {
  const maybe = <Value>(value: Value) => (random.integer(2) === 0 ? value : undefined)
  const lag = maybe(random.integer(30_000))
  const callsPerSecond = maybe(4 + random.integer(10))
  return {
    createMilliseconds: random.integer(60_000),
    deleteMilliseconds: random.integer(20_000),
    callMilliseconds: random.integer(500),
    jitter: random.fraction() / 2,
    answersEarly: random.integer(2) === 0,
    needsInitialization: random.integer(4) === 0,
    ...(lag === undefined ? {} : { visibilityLagMilliseconds: lag }),
    ...(callsPerSecond === undefined ? {} : { callsPerSecond }),
    // Nobody but the manager's own servers hears of them: rarely, for the sake of their writes.
    ...(random.integer(40) === 0 ? { leaseMilliseconds: 10_000 } : {}),
  }
}

/** Carries a script out, checking every invariant after every step. */
export async function runScript(script: Script, options: RunOptions = {}): Promise<RunResult> {
  const trace: string[] = []
  const began = { at: 0 }
  const note = (what: () => string) => {
    if (options.traces !== true) return
    const seconds = ((world.clock.now() - began.at) / 1000).toFixed(3)
    trace.push(`${seconds.padStart(9)} s  ${what()}`)
  }
  const random = createSeededRandom(`world/${script.seed}`)
  const world: World = createWorld({
    ...script,
    ...partsOf(script),
    random,
    note,
    ...(options.tamper ? { tamper: options.tamper } : {}),
  })
  began.at = world.clock.now()
  const watchdogs = watchOver(world)
  let settled = 0
  let breach: Breach | undefined
  try {
    await plantClasses(world.control, namespace)
    if (script.crashAt !== undefined) world.faults.crashAt(script.crashAt.write, script.crashAt.moment)
    world.start()
    options.sabotage?.(world)
    await storm(world, watchdogs, script.steps)
    settled = await calmDown(world, watchdogs)
    await takeDown(world, watchdogs)
  } catch (error) {
    if (!(error instanceof Breach)) throw error
    note(() => error.message)
    breach = error
  }
  const { outcomes } = watchdogs
  return { breach, trace, writes: world.faults.writes(), settledAfterMilliseconds: settled, outcomes }
}

interface Watchdogs {
  readonly all: readonly Invariant[]
  readonly outcomes: Outcomes
  /** Lets a user act, or the world. */
  perform(action: Action): Promise<void>
}

function watchOver(world: World): Watchdogs {
  const surplus = noSurplus(world)
  const updates = noLostUpdates(world)
  const inPlace = updatesInPlace(world)
  const preserving = noEarlyEnds(world)
  const freezing = frozenIsFrozen(world)
  const { outcomes, look } = watchOutcomes(world)
  const sound: Invariant = {
    check: () => {
      if (world.faults.stormed()) throw new Breach('no storm', 'writes follow each other without a pause')
      const error = world.collapse()
      if (error !== undefined) throw new Breach('no collapse', describe(error))
    },
  }
  const { control, target, clock } = world
  const mayBeReady = (nodeName: string) =>
    world.cloud.servers().some(({ machineName, state }) => machineName === nodeName && state === 'running')
  const users = createUsers({
    control,
    target,
    namespace,
    now: clock.now,
    mayBeReady,
    onDeletion: (uidOrNode) => {
      surplus.userDeletes(uidOrNode)
      preserving.userDeletes(uidOrNode)
    },
    onMachine: (name) => {
      surplus.userMakes(name)
      freezing.userMakes(name)
    },
    onChoice: inPlace.userChooses,
  })
  const endings = [noOrphans(world), noSurvivors(world), noSkippedDrains(world)]
  return {
    all: [surplus, updates, sound, inPlace, preserving, freezing, ...endings, { check: look }],
    outcomes,
    perform: async (action) => {
      world.note(() => `*** ${JSON.stringify(action)}`)
      let byUser = false
      if (action.do === 'strategy' && action.strategy.type === 'InPlaceUpdate') world.updates.begin()
      await updates.userActs(async () => {
        byUser = await users.act(action)
      })
      if (!byUser) await actOnWorld(world, action)
    },
  }
}

/** Steps through virtual time up to an instant, checking after every step. Controllers that went down come back after a while. */
async function passTime(world: World, { all }: Watchdogs, until: number): Promise<void> {
  let restartAt: number | undefined
  for (;;) {
    for (const invariant of all) invariant.check()
    const now = world.clock.now()
    if (world.isUp()) restartAt = undefined
    else restartAt ??= now + 100 + world.faults.random.integer(30_000)
    if (restartAt !== undefined && now >= restartAt) world.start()
    const fired = await world.clock.step(Math.min(until, Math.max(now, restartAt ?? until)))
    if (!fired && world.clock.now() >= until) return
  }
}

async function storm(world: World, watchdogs: Watchdogs, steps: readonly Step[]): Promise<void> {
  const began = world.clock.now()
  for (const { at, ...action } of steps) {
    await passTime(world, watchdogs, began + at * 1000)
    await watchdogs.perform(action)
  }
}

/** Ends every fault and waits until all is as wanted, and then whether it stays so without a single write. */
async function calmDown(world: World, watchdogs: Watchdogs): Promise<number> {
  await endTrouble(world, watchdogs)
  const began = world.clock.now()
  await settle(world, watchdogs, began)
  const settled = world.clock.now() - began
  // What is written when everything is as wanted has to end; and what was lost last may be noticed only now, and have to be replaced.
  do {
    await settle(world, watchdogs, began)
    await passTime(world, watchdogs, world.clock.now() + quietMilliseconds)
  } while (unfinished(censusOf(world)).length > 0)
  const before = world.faults.writes()
  await passTime(world, watchdogs, world.clock.now() + quietMilliseconds)
  const busy = world.faults.writes() - before
  const changed = unfinished(censusOf(world))
  if (changed.length > 0) throw new Breach('convergence', `it did not stay so: ${changed.join('; ')}`)
  if (busy > 0) throw new Breach('quiet', `${busy} writes while nothing happens`)
  return settled
}

/** Waits until all is as wanted. */
async function settle(world: World, watchdogs: Watchdogs, began: number): Promise<void> {
  for (let problems = unfinished(censusOf(world)); problems.length > 0; problems = unfinished(censusOf(world))) {
    if (world.clock.now() - began > settleMilliseconds) throw new Breach('convergence', problems.join('; '))
    await watchdogs.perform({ do: 'choose-all-nodes' })
    await watchdogs.perform({ do: 'tidy-up' })
    await passTime(world, watchdogs, world.clock.now() + minute / 2)
  }
}

async function endTrouble(world: World, { perform }: Watchdogs): Promise<void> {
  world.note(() => '*** all trouble ends')
  world.faults.cease()
  setOutage(world, 'control', false)
  setOutage(world, 'target', false)
  for (const machineType of Object.keys(world.quota)) delete world.quota[machineType]
  world.updates.end = 'successful'
  world.workloads.disks.detachMilliseconds ??= 10_000
  world.faults.disturb()
  for (const { metadata } of world.control.peek(machineDeployments)) {
    await perform({ do: 'pause', name: metadata.name, paused: false })
    await perform({ do: 'limit-repair', name: metadata.name, perZone: null, inAll: null })
  }
}

/** Deletes everything and waits until nothing is left. */
async function takeDown(world: World, watchdogs: Watchdogs): Promise<void> {
  for (const { metadata } of world.control.peek(machineDeployments)) {
    await watchdogs.perform({ do: 'delete-deployment', name: metadata.name })
  }
  const began = world.clock.now()
  const left = () => [
    ...unfinished(censusOf(world)),
    ...world.control.peek(machineDeployments).map(({ metadata }) => metadata.name),
  ]
  while (left().length > 0) {
    if (world.clock.now() - began > settleMilliseconds) throw new Breach('clean end', left().join('; '))
    await passTime(world, watchdogs, world.clock.now() + minute / 2)
  }
}

function censusOf({ control, target, cloud }: World): Census {
  return {
    control: control.peek,
    target: target.peek,
    servers: () => cloud.servers().map(({ machineName }) => machineName),
    tagsOf: (name) => cloud.servers().find(({ machineName }) => machineName === name)?.tags,
  }
}
