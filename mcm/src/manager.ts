import { configMaps, type Secret, secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { joinReportNamespace } from '@trellis/api/join-report'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client, Selection } from '@trellis/kubernetes/client'
import { type Controller, createController, type Reconcile } from '@trellis/kubernetes/controller'
import { createEventRecorder } from '@trellis/kubernetes/events'
import type { IndexFunction } from '@trellis/kubernetes/indexer'
import { createInformer } from '@trellis/kubernetes/informer'
import { createWorkQueue } from '@trellis/kubernetes/queue'
import { createQueueMetrics } from '@trellis/kubernetes/queue-prometheus'
import type { Registry } from 'prom-client'
import type { Events } from './common/events.ts'
import { createFreshReader } from './common/freshness.ts'
import { tokenFieldSelector, tokenNamespace } from './machine/bootstrap-token.ts'
import type { TargetContext, TokenSettings } from './machine/context.ts'
import { createMachineReconciler, machineIndexes } from './machine/controller.ts'
import type { MachineSettings } from './machine/settings.ts'
import { createMachineClassReconciler } from './machine-class/controller.ts'
import { createMachineDeploymentReconciler } from './machine-deployment/controller.ts'
import { createMachineSetReconciler, ownerIndex } from './machine-set/controller.ts'
import { createMachineTimes, registerObjectMetrics } from './metrics.ts'
import { collectOrphans } from './safety/orphans.ts'

/** What a machine controller manager is made of. */
export interface ManagerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly registry: Registry
  /** The API server that holds machines and their classes. */
  readonly control: Client
  /** The API server that machines join; absent when there is none. It need not answer. */
  readonly target?: Client
  readonly driver: Driver
  readonly namespace: string
  readonly settings: MachineSettings
  readonly tokens: TokenSettings
  /** Machines worked on at the same time. */
  readonly concurrentMachines: number
  /** Sets, deployments and classes worked on at the same time, each. */
  readonly concurrentSyncs: number
  readonly orphanPeriodMilliseconds: number
}

/** The controllers of one namespace. */
export interface Manager {
  /** Works until the signal aborts and what is under way has ended. Rejects only for a bug. */
  run(signal: AbortSignal): Promise<void>
  /** Why it does not work yet; undefined when it does. A target that does not answer is no reason. */
  notReady(): string | undefined
  /** What `/status` shows. */
  status(): unknown
}

/** Makes the controllers. Nothing is asked of any API server before they run. */
export function createManager(options: ManagerOptions): Manager {
  const { registry, namespace } = options
  const informers = createInformers(options)
  registerObjectMetrics(registry, informers)
  const times = createMachineTimes(registry)
  const queues = createQueueMetrics(options.clock, registry, 'mcm_')
  const unsynced = () =>
    Object.entries(informers)
      .filter(([, informer]) => !informer.hasSynced())
      .map(([name]) => name)
  let target: TargetContext | undefined
  return {
    notReady: () => {
      const missing = unsynced()
      return missing.length === 0 ? undefined : `waiting for the first list of ${missing.join(', ')}`
    },
    status: () => ({
      namespace,
      machines: informers.machines.list(namespace).length,
      target: target === undefined ? 'none' : target.nodes.hasSynced() ? 'known' : 'unknown',
    }),
    run: async (signal) => {
      await using recorder = createEventRecorder({
        ...options,
        client: options.control,
        component: 'machine-controller-manager',
      })
      const events: Events = {
        normal: (object, reason, note) => recorder.record(object, { type: 'Normal', reason, note }),
        warn: (object, reason, note) => recorder.record(object, { type: 'Warning', reason, note }),
      }
      const running = Object.values(informers).map((informer) => informer.run(signal))
      target = startTarget(options, signal)
      try {
        await Promise.all(Object.values(informers).map((informer) => informer.synced(signal)))
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      options.log.info({ namespace, provider: options.driver.provider }, 'controllers start')
      await runControllers({ options, informers, events, times, queues, target }, signal)
      await Promise.all(running)
    },
  }
}

type Informers = ReturnType<typeof createInformers>

function createInformers(options: ManagerOptions) {
  const { control: client, clock, random, log, namespace } = options
  const informer = <Kind extends KubernetesObject>(
    resource: Resource<Kind>,
    indexes: Readonly<Record<string, IndexFunction<Kind>>> = {},
  ) => createInformer({ client, clock, random, log, resource, indexes, selection: { namespace } })
  return {
    deployments: informer(machineDeployments),
    sets: informer(machineSets),
    machines: informer(machines, { ...machineIndexes, ...ownerIndex }),
    classes: informer(machineClasses),
    secrets: informer(secrets, {}),
  }
}

/** Follows the target cluster from the start, however long it takes to answer. */
function startTarget(options: ManagerOptions, signal: AbortSignal): TargetContext | undefined {
  const { target: client, clock, random, log } = options
  if (client === undefined) return undefined
  const quiet = log.child({ cluster: 'target' })
  const informer = <Kind extends KubernetesObject>(resource: Resource<Kind>, selection: Selection = {}) =>
    createInformer({ client, clock, random, log: quiet, resource, selection })
  const context = {
    client,
    nodes: informer(nodes),
    reports: informer(configMaps, { namespace: joinReportNamespace }),
    tokens: informer<Secret>(secrets, { namespace: tokenNamespace, fieldSelector: tokenFieldSelector }),
  }
  let knownSince: number | undefined
  context.nodes.synced(signal).then(
    () => {
      knownSince = clock.now()
      log.info({}, 'the nodes of the target cluster are known')
    },
    () => {},
  )
  for (const one of [context.nodes, context.reports, context.tokens]) void one.run(signal)
  return { ...context, nodesKnownSince: () => knownSince }
}

interface Parts {
  readonly options: ManagerOptions
  readonly informers: Informers
  readonly events: Events
  readonly times: ReturnType<typeof createMachineTimes>
  readonly queues: ReturnType<typeof createQueueMetrics>
  readonly target: TargetContext | undefined
}

async function runControllers(
  { options, informers, events, times, queues, target }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log, namespace, control, driver } = options
  const readers = {
    machineReader: createFreshReader(informers.machines),
    setReader: createFreshReader(informers.sets),
    deploymentReader: createFreshReader(informers.deployments),
    classReader: createFreshReader(informers.classes),
    secretReader: createFreshReader(informers.secrets),
  }
  const classes = {
    namespace,
    provider: driver.provider,
    findClass: (name: string) => readers.classReader.get({ namespace, name }),
    findSecret: (secretNamespace: string, name: string) =>
      readers.secretReader.get({ namespace: secretNamespace, name }),
  }
  const common = { clock, random, log, namespace, control, events, ...readers }
  const { machines: machineInformer, sets, deployments } = informers
  const { settings, tokens } = options
  const machine = createMachineReconciler({
    ...common,
    machines: machineInformer,
    target,
    driver,
    settings,
    tokens,
    classes,
    times,
  })
  const set = createMachineSetReconciler({ ...common, machines: machineInformer, sets })
  const deployment = createMachineDeploymentReconciler({
    ...common,
    machines: machineInformer,
    sets,
    deployments,
    classes,
  })
  const machineClass = createMachineClassReconciler({
    ...common,
    classes: informers.classes,
    secrets: informers.secrets,
    machines: machineInformer,
  })
  const controller = (name: string, concurrency: number, reconcile: Reconcile): Controller =>
    createController({
      clock,
      random,
      log,
      name,
      concurrency,
      reconcile,
      queue: createWorkQueue({ clock, random, name, metrics: queues }),
    })
  const machineController = controller('machine', options.concurrentMachines, machine.reconcile)
  const setController = controller('machineset', options.concurrentSyncs, set.reconcile)
  const deploymentController = controller('machinedeployment', options.concurrentSyncs, deployment.reconcile)
  const classController = controller('machineclass', 1, machineClass.reconcile)

  const wakeClassUsers = (name: string) => {
    for (const { metadata } of machineInformer.byIndex('class', name)) machineController.enqueue(metadata.name)
    for (const one of deployments.list(namespace)) {
      if (one.spec?.template.spec?.class?.name === name) deploymentController.enqueue(one.metadata.name)
    }
  }
  const wakeAll = () => {
    for (const { metadata } of machineInformer.list(namespace)) machineController.enqueue(metadata.name)
  }
  for (const informer of [target?.nodes, target?.reports, target?.tokens])
    informer?.synced(signal).then(wakeAll, () => {})
  machine.follow(machineController)
  set.follow(setController)
  deployment.follow(deploymentController)
  machineClass.follow(classController, wakeClassUsers)
  const orphans = {
    clock,
    log,
    namespace,
    control,
    driver,
    classes: informers.classes,
    lookup: classes,
    periodMilliseconds: options.orphanPeriodMilliseconds,
  }
  await Promise.all([
    ...[machineController, setController, deploymentController, classController].map((one) => one.run(signal)),
    collectOrphans(orphans, signal),
  ])
}
