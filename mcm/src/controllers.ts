import type { Secret } from '@trellis/api/core/configuration'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { aborted } from '@trellis/foundation/lifetime'
import { type Controller, createController, type Reconcile } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import { createWorkQueue } from '@trellis/kubernetes/queue'
import type { QueueMetricsProvider } from '@trellis/kubernetes/queue-prometheus'
import type { Events } from './common/events.ts'
import { createFreshReader } from './common/freshness.ts'
import { type ControllerName, runs } from './controller-selection.ts'
import type { MachineTimes, TargetContext } from './machine/context.ts'
import { createMachineReconciler, type MachineReconciler } from './machine/controller.ts'
import { createMachineClassReconciler, type MachineClassReconciler } from './machine-class/controller.ts'
import type { ClassLookup } from './machine-class/resolve.ts'
import { createMachineDeploymentReconciler, type MachineDeploymentReconciler } from './machine-deployment/controller.ts'
import { createMachineSetReconciler, type MachineSetReconciler } from './machine-set/controller.ts'
import { createExpectations } from './machine-set/expectations.ts'
import type { ManagerOptions } from './manager.ts'
import { createNodeReconciler } from './node/controller.ts'
import type { ApiServerGuard } from './safety/api-servers.ts'
import { createFreezeReconciler, type FreezeReconciler } from './safety/freeze.ts'
import { collectOrphans } from './safety/orphans.ts'
import { createShortages } from './safety/shortages.ts'
import { collectTraces } from './safety/traces.ts'

/** Local copies of everything in the namespace that the controllers look at. */
export interface Informers {
  readonly deployments: Informer<MachineDeployment>
  readonly sets: Informer<MachineSet>
  readonly machines: Informer<Machine>
  readonly classes: Informer<MachineClass>
  readonly secrets: Informer<Secret>
}

/** What the controllers are made of. */
export interface ControllersOptions {
  readonly options: ManagerOptions
  readonly informers: Informers
  readonly events: Events
  readonly times: MachineTimes
  readonly queues: QueueMetricsProvider
  readonly target: TargetContext | undefined
  readonly apiServers: ApiServerGuard
}

/** Runs all controllers over informers that have synced, until the signal aborts and what is under way has ended. */
export async function runControllers(parts: ControllersOptions, signal: AbortSignal): Promise<void> {
  const readers = createReaders(parts.informers)
  const classes = createLookup(parts.options, readers)
  const reconcilers = createReconcilers(parts, readers, classes)
  const controllers = createControllers(parts, reconcilers)
  connect(parts, reconcilers, controllers, signal)
  const { options, informers } = parts
  const nodes = createNodeController(parts)
  const orphans = {
    ...options,
    classes: informers.classes,
    lookup: classes,
    machines: informers.machines,
    periodMilliseconds: options.orphanPeriodMilliseconds,
    graceMilliseconds: options.settings.creationTimeoutMilliseconds,
  }
  await Promise.all([
    ...Object.values(controllers).map((controller, index) => runAfter(parts, controller, index, signal)),
    ...(runs(options.controllers, 'machinesafetyorphanvms')
      ? [collectOrphans(orphans, signal), collectLeftTraces(parts, signal)]
      : []),
    lookAgain(parts, controllers, signal),
    nodes?.run(signal),
  ])
}

async function collectLeftTraces(
  { options, informers, target }: ControllersOptions,
  signal: AbortSignal,
): Promise<void> {
  if (target === undefined) return
  const { machines } = informers
  await collectTraces({ ...options, target, machines, periodMilliseconds: options.orphanPeriodMilliseconds }, signal)
}

/** Starts a controller after as many start intervals; keys wait in its queue meanwhile. */
async function runAfter(
  { options }: ControllersOptions,
  controller: Controller,
  intervals: number,
  signal: AbortSignal,
): Promise<void> {
  const pause = intervals * (options.startIntervalMilliseconds ?? 0)
  if (pause > 0) await options.clock.sleep(pause, signal).catch(() => {})
  if (!signal.aborted) await controller.run(signal)
}

/** Looks at every object again, seldom and not all processes at once: a safety net below the watches. */
async function lookAgain(
  { options, informers }: ControllersOptions,
  controllers: Controllers,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, namespace, resyncMilliseconds = 0 } = options
  if (resyncMilliseconds <= 0) return
  while (!signal.aborted) {
    await clock.sleep(resyncMilliseconds * (1 + random.fraction()), signal).catch(() => {})
    if (signal.aborted) return
    for (const { metadata } of informers.deployments.list(namespace)) controllers.deployment.enqueue(metadata.name)
    for (const { metadata } of informers.sets.list(namespace)) controllers.set.enqueue(metadata.name)
    for (const { metadata } of informers.machines.list(namespace)) controllers.machine.enqueue(metadata.name)
    for (const { metadata } of informers.classes.list(namespace)) controllers.machineClass.enqueue(metadata.name)
  }
}

/** A controller that this process leaves to another. */
const idle: Controller = { enqueue: () => {}, enqueueAfter: () => {}, run: aborted }

type Readers = ReturnType<typeof createReaders>

function createReaders(informers: Informers) {
  return {
    machineReader: createFreshReader(informers.machines),
    setReader: createFreshReader(informers.sets),
    deploymentReader: createFreshReader(informers.deployments),
    classReader: createFreshReader(informers.classes),
    secretReader: createFreshReader(informers.secrets),
  }
}

function createLookup({ namespace, driver }: ManagerOptions, { classReader, secretReader }: Readers): ClassLookup {
  return {
    namespace,
    provider: driver.provider,
    findClass: (name) => classReader.get({ namespace, name }),
    findSecret: (secretNamespace, name) => secretReader.get({ namespace: secretNamespace, name }),
  }
}

interface Reconcilers {
  readonly machine: MachineReconciler
  readonly set: MachineSetReconciler
  readonly deployment: MachineDeploymentReconciler
  readonly machineClass: MachineClassReconciler
  readonly freeze: FreezeReconciler
}

function createReconcilers(parts: ControllersOptions, readers: Readers, classes: ClassLookup): Reconcilers {
  const { options, informers, events, times, target, apiServers } = parts
  const common = { ...options, ...readers, events, classes, times, machines: informers.machines }
  const { sets, deployments } = informers
  const deploymentsElsewhere = !runs(options.controllers, 'machinedeployment')
  const expectations = createExpectations(options.clock)
  const shortages = createShortages(options, options.settings.resourceExhaustedRetryMilliseconds)
  return {
    machine: createMachineReconciler({
      ...common,
      deployments,
      sets,
      target,
      apiServers,
      shortages,
      knownClasses: new Map(),
    }),
    set: createMachineSetReconciler({ ...common, sets, expectations, deploymentsElsewhere }),
    deployment: createMachineDeploymentReconciler({
      ...common,
      target,
      sets,
      deployments,
      coming: ({ metadata }) => expectations.coming(metadata.uid ?? ''),
      setsElsewhere: !runs(options.controllers, 'machineset'),
    }),
    freeze: createFreezeReconciler({
      ...common,
      sets,
      deployments,
      deploymentsElsewhere,
      overshoot: options.safety.overshoot,
    }),
    machineClass: createMachineClassReconciler({ ...common, classes: informers.classes, secrets: informers.secrets }),
  }
}

/** The controller of Nodes; there is none without a cluster to join. */
function createNodeController({ options, informers, target, queues }: ControllersOptions): Controller | undefined {
  if (target === undefined || !runs(options.controllers, 'machine')) return undefined
  const { clock, random, log } = options
  const reconciler = createNodeReconciler({ ...options, target, machines: informers.machines })
  const queue = createWorkQueue({ clock, random, name: 'node', metrics: queues })
  const { reconcile } = reconciler
  const controller = createController({ clock, random, log, name: 'node', concurrency: 1, reconcile, queue })
  reconciler.follow(controller)
  return controller
}

type Controllers = Readonly<Record<keyof Reconcilers, Controller>>

function createControllers({ options, queues }: ControllersOptions, reconcilers: Reconcilers): Controllers {
  const { clock, random, log, concurrentMachines, concurrentSyncs } = options
  const controller = (name: ControllerName, concurrency: number, reconcile: Reconcile): Controller => {
    if (!runs(options.controllers, name)) return idle
    const queue = createWorkQueue({ clock, random, name, metrics: queues })
    return createController({ clock, random, log, name, concurrency, reconcile, queue })
  }
  return {
    machine: controller('machine', concurrentMachines, reconcilers.machine.reconcile),
    set: controller('machineset', concurrentSyncs, reconcilers.set.reconcile),
    deployment: controller('machinedeployment', concurrentSyncs, reconcilers.deployment.reconcile),
    machineClass: controller('machineclass', 1, reconcilers.machineClass.reconcile),
    freeze: controller('machinesafetyovershooting', 1, reconcilers.freeze.reconcile),
  }
}

/** Leads every change to the queues that it concerns. */
function connect(
  { options, informers, target }: ControllersOptions,
  reconcilers: Reconcilers,
  controllers: Controllers,
  signal: AbortSignal,
): void {
  const { machines, deployments } = informers
  const { namespace } = options
  for (const name of ['machine', 'set', 'deployment', 'freeze'] as const) {
    if (controllers[name] !== idle) reconcilers[name].follow(controllers[name])
  }
  reconcilers.machineClass.follow(controllers.machineClass, (className) => {
    for (const { metadata } of machines.byIndex('class', className)) controllers.machine.enqueue(metadata.name)
    for (const { metadata, spec } of deployments.list(namespace)) {
      if (spec?.template.spec?.class?.name === className) controllers.deployment.enqueue(metadata.name)
    }
  })
  const wakeMachines = () => {
    for (const { metadata } of machines.list(namespace)) controllers.machine.enqueue(metadata.name)
  }
  for (const informer of [target?.nodes, target?.reports, target?.tokens]) {
    informer?.synced(signal).then(wakeMachines, () => {})
  }
}
