import { type Node, nodes } from '@trellis/api/core/node'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { withLimit } from '@trellis/cloudprovider/contract/with-limit'
import { withRetry } from '@trellis/cloudprovider/contract/with-retry'
import { createSimulatedCloud, type SimulatedCloud } from '@trellis/cloudprovider/simulated/cloud'
import { createSimulatedDriver } from '@trellis/cloudprovider/simulated/driver'
import { type NodeMaker, startNodeMaker } from '@trellis/cloudprovider/simulated/nodes'
import type { SimulatedSettings } from '@trellis/cloudprovider/simulated/settings'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import type { ControllerName } from '../../src/controller-selection.ts'
import type { MachineSettings } from '../../src/machine/settings.ts'
import type { Manager } from '../../src/manager.ts'
import { epoch } from '../objects.ts'
import { createRigManager } from '../rig.ts'
import { createFaults, type FaultRates, type Faults } from './faults.ts'
import { createLife, type Life } from './life.ts'
import { createUnreliableClient, type UnreliableClient } from './unreliable-client.ts'
import { createUnreliableDriver } from './unreliable-driver.ts'
import { createUpdates, type Updates } from './updates.ts'
import { startWorkloads, type Workloads } from './workloads.ts'

/** Namespace of the machines. */
export const namespace = 'shoot--local--first'

/** Limits of the simulated controllers: short, so that a run sees many of them pass. */
export const limits = {
  creationTimeoutMilliseconds: 480_000,
  healthTimeoutMilliseconds: 240_000,
  drainTimeoutMilliseconds: 360_000,
  orphanPeriodMilliseconds: 600_000,
  resourceExhaustedRetryMilliseconds: 120_000,
  inPlaceUpdateTimeoutMilliseconds: 300_000,
  /** Shorter than the time for which nothing may be written once all is as wanted. */
  preserveTimeoutMilliseconds: 600_000,
  pvDetachTimeoutMilliseconds: 60_000,
  pvReattachTimeoutMilliseconds: 45_000,
  /** How long after its server's end a Node is called NotReady. */
  nodeLossMilliseconds: 40_000,
} as const

const settings: Partial<MachineSettings> = limits

/** What a world is made of. */
export interface WorldOptions {
  readonly random: Random
  readonly rates: FaultRates
  readonly cloud: SimulatedSettings
  readonly joinMilliseconds: number
  /** Fires what falls due at one instant in random order. */
  readonly shuffle?: boolean
  /** The controllers of each of several processes that share the work and live and die together; one process runs all unless told. */
  readonly parts?: readonly (readonly ControllerName[])[]
  /** A driver of one's own in front of the cloud, to prove that the invariants notice. */
  readonly tamper?: (driver: Driver, cloud: SimulatedCloud) => Driver
  /** Told of everything that happens; asked for text only where somebody listens. */
  readonly note: (what: () => string) => void
}

/** What is there beside the controllers. */
export interface Surroundings {
  readonly clock: VirtualClock
  readonly random: Random
  readonly control: FakeClient
  readonly target: FakeClient
  readonly cloud: SimulatedCloud
  /** How long the cloud hides a server that it made. */
  readonly lagMilliseconds: number
  /** How many servers the cloud has for us; may be changed at any time. */
  readonly quota: Record<string, number>
  readonly nodeMaker: NodeMaker
  readonly workloads: Workloads
  readonly updates: Updates
  readonly faults: Faults
  readonly note: WorldOptions['note']
}

/** The controllers' process: any number of lives, one after another. */
export interface Process {
  /** Whether controllers run. */
  isUp(): boolean
  /** When the present controllers were started. */
  startedAt(): number
  start(): void
  /** Ends the controllers between two instructions. */
  crash(): void
  /** Asks them to end, as an update of them does, and waits. */
  stop(): Promise<void>
  breakWatches(): void
  /** Calls back before the cloud is asked to delete a server. */
  onServerDeletion(listener: (machineName: string) => void): void
  /** Calls back before the cloud is asked to make a server. */
  onServerCreation(listener: (machineName: string) => void): void
  /** Whether the controllers leave machines alone because an API server does not answer. */
  standsStill(): boolean
  /** Whether the cluster has answered the present controllers. */
  wasHeard(cluster: keyof Faults['outages']): boolean
  /** Why controllers ended by themselves, which they never should. */
  collapse(): unknown
}

/** Controllers in virtual time between two API servers in memory and a simulated cloud, with everything that can go wrong between them. */
export interface World extends Surroundings, Process {}

/** Makes a world in which controllers are yet to be started. */
export function createWorld(options: WorldOptions): World {
  const { random, note } = options
  const clock = createVirtualClock(epoch, options.shuffle === true ? random.child('shuffle') : undefined)
  const control = createFakeClient({ clock, random: random.child('control') })
  const target = createFakeClient({ clock, random: random.child('target'), graceful: true })
  const quota: Record<string, number> = {}
  const cloud = createSimulatedCloud({ clock, random: random.child('cloud') }, { ...options.cloud, quota })
  const nodeMaker = startNodeMaker(
    {
      clock,
      random: random.child('nodes'),
      log: createSilentLog(),
      cloud,
      client: target,
      joinMilliseconds: options.joinMilliseconds,
      leaseMilliseconds: options.cloud.leaseMilliseconds,
      nodeLossMilliseconds: limits.nodeLossMilliseconds,
    },
    new AbortController().signal,
  )
  const kubeletLives = (nodeName: string) =>
    cloud.servers().some(({ machineName, state }) => machineName === nodeName && state === 'running') &&
    isReady(target.peek(nodes).find(({ metadata }) => metadata.name === nodeName))
  const workloads = startWorkloads({ clock, random: random.child('workloads'), client: target, kubeletLives })
  const updates = createUpdates({ clock, random: random.child('updates'), client: target })
  const faults = createFaults(random.child('faults'), options.rates, { now: clock.now, note })
  const lagMilliseconds = options.cloud.visibilityLagMilliseconds ?? 0
  const base = {
    lagMilliseconds,
    clock,
    random,
    control,
    target,
    cloud,
    quota,
    nodeMaker,
    workloads,
    updates,
    faults,
    note,
  }
  return { ...base, ...createProcess(base, options) }
}

interface Incarnation {
  readonly life: Life
  readonly clients: readonly UnreliableClient[]
  readonly managers: readonly Manager[]
  readonly stop: AbortController
  readonly ended: Promise<void>
}

function createProcess(base: Surroundings, options: WorldOptions): Process {
  const { clock, faults, note } = base
  const deletionListeners: ((machineName: string) => void)[] = []
  const creationListeners: ((machineName: string) => void)[] = []
  const heard = new Set<string>()
  let current: Incarnation | undefined
  let starts = 0
  let startedAt = clock.now()
  let collapse: unknown
  const isUp = () => current !== undefined && !current.life.isOver()
  const start = () => {
    if (isUp()) return
    const generation = ++starts
    startedAt = clock.now()
    heard.clear()
    note(() => `controllers start, life ${generation}`)
    const life = createLife(clock)
    const common = { clock, life, faults, note, mayHaunt: () => starts === generation }
    const bare = createSimulatedDriver(base.cloud)
    const unreliable = createUnreliableDriver({
      driver: options.tamper?.(bare, base.cloud) ?? bare,
      life,
      faults,
      note,
      onDelete: (machineName) => {
        for (const listener of deletionListeners) listener(machineName)
      },
      onCreate: (machineName) => {
        for (const listener of creationListeners) listener(machineName)
      },
    })
    const clients: UnreliableClient[] = []
    const makeManager = (controllers: readonly ControllerName[] | undefined, index: number): Manager => {
      const control = createUnreliableClient({
        ...common,
        client: base.control,
        cluster: 'control',
        onWrite: (what) => note(what),
        onAnswer: () => void heard.add('control'),
      })
      const target = createUnreliableClient({
        ...common,
        client: base.target,
        cluster: 'target',
        onWrite: (what) => note(what),
        onAnswer: () => void heard.add('target'),
      })
      clients.push(control, target)
      const random = base.random.child(`manager-${generation}${index === 0 ? '' : `-${index}`}`)
      // As the process itself does it.
      const limit = { concurrency: 50, perSecond: 100, burst: 200 }
      const driver = withRetry({ clock: life.clock, random }, withLimit({ clock: life.clock }, unreliable, limit))
      const { manager } = createRigManager(
        { namespace, settings, orphanPeriodMilliseconds: limits.orphanPeriodMilliseconds },
        {
          clock: life.clock,
          random,
          log: createSilentLog(),
          control,
          target,
          driver,
          ...(controllers === undefined ? {} : { controllers: new Set(controllers) }),
        },
      )
      return manager
    }
    const managers = (options.parts ?? [undefined]).map(makeManager)
    const stop = new AbortController()
    const ended = Promise.all(managers.map((manager) => manager.run(stop.signal))).then(
      () => {},
      (error: unknown) => {
        collapse ??= error
      },
    )
    current = { life, clients, managers, stop, ended }
  }
  return {
    isUp,
    start,
    startedAt: () => startedAt,
    collapse: () => collapse,
    crash: () => {
      note(() => 'the process is lost')
      current?.life.end()
    },
    stop: async () => {
      note(() => 'controllers are asked to stop')
      const stopping = current
      stopping?.stop.abort(new Failure('Unavailable', 'the simulation stops the controllers'))
      let over = false
      stopping?.life.onEnd(() => {
        over = true
      })
      void stopping?.ended.then(() => {
        over = true
      })
      const end = clock.now() + 60_000
      while (!over && !stopping?.life.isOver() && clock.now() < end) await clock.sleep(100)
      stopping?.life.end()
    },
    breakWatches: () => {
      for (const client of current?.clients ?? []) client.breakWatches()
    },
    onServerDeletion: (listener) => void deletionListeners.push(listener),
    onServerCreation: (listener) => void creationListeners.push(listener),
    standsStill: () => isUp() && current?.managers.some((manager) => isFrozen(manager.status())) === true,
    wasHeard: (cluster) => heard.has(cluster),
  }
}

function isFrozen(status: unknown): boolean {
  return typeof (status as { readonly frozen?: unknown } | undefined)?.frozen === 'string'
}

function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}
