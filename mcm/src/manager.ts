import { secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createEventRecorder } from '@trellis/kubernetes/events'
import type { IndexFunction } from '@trellis/kubernetes/indexer'
import { createInformer } from '@trellis/kubernetes/informer'
import { createQueueMetrics } from '@trellis/kubernetes/queue-prometheus'
import type { Registry } from 'prom-client'
import type { Events } from './common/events.ts'
import { createFlocks } from './common/flocks.ts'
import { type ControllerName, needTarget, runs } from './controller-selection.ts'
import { type Informers, runControllers } from './controllers.ts'
import type { TargetContext, TokenSettings } from './machine/context.ts'
import { machineIndexes } from './machine/controller.ts'
import type { MachineSettings } from './machine/settings.ts'
import { setOwnerIndex } from './machine-deployment/controller.ts'
import { ownerIndex } from './machine-set/controller.ts'
import { registerMetrics } from './metrics.ts'
import { tellingClient } from './safety/answers.ts'
import { type ApiServerGuard, createApiServerGuard } from './safety/api-servers.ts'
import type { SafetySettings } from './safety/settings.ts'
import { startTarget } from './target.ts'

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
  readonly safety: SafetySettings
  /** Controllers that run; all unless told. */
  readonly controllers?: ReadonlySet<ControllerName>
  /** Every object is looked at again after one to two such periods; never unless told. */
  readonly resyncMilliseconds?: number
  /** Pause between the starts of two controllers; none unless told. */
  readonly startIntervalMilliseconds?: number
  /** Whether the autoscaler is asked to leave the nodes of a deployment alone while it is rolled. */
  readonly keepNodesDuringRollout: boolean
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
export function createManager(given: ManagerOptions): Manager {
  const apiServers = createApiServerGuard(given, given.safety.apiServer)
  const options = withTellingClients(given, apiServers)
  const { registry, namespace } = options
  const informers = createInformers(options)
  const frozen = () => apiServers.frozen() !== undefined
  const shows = (name: ControllerName) => runs(options.controllers, name)
  const times = registerMetrics(registry, { ...informers, frozen, shows, namespace }, options.log)
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
      frozen: apiServers.frozen() ?? false,
    }),
    run: async (signal) => {
      await using recorder = createEventRecorder({
        ...options,
        client: options.control,
        component: 'machine-controller-manager',
      })
      const normal: Events['normal'] = (object, reason, note) =>
        recorder.record(object, { type: 'Normal', reason, note })
      using flocks = createFlocks(options.clock, normal)
      const events: Events = {
        normal,
        flock: flocks.note,
        warn: (object, reason, note) => recorder.record(object, { type: 'Warning', reason, note }),
      }
      const running = Object.values(informers).map((informer) => informer.run(signal))
      const client = needTarget(options.controllers) ? options.target : undefined
      target = client === undefined ? undefined : startTarget({ ...options, client }, signal)
      try {
        await Promise.all(Object.values(informers).map((informer) => informer.synced(signal)))
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      options.log.info({ namespace, provider: options.driver.provider }, 'controllers start')
      expectAnswers(options, target, apiServers, signal)
      await runControllers({ options, informers, events, times, queues, target, apiServers }, signal)
      await Promise.all(running)
    },
  }
}

/** The options with clients that tell whether they are answered. One cluster in both roles is one API server. */
function withTellingClients(options: ManagerOptions, apiServers: ApiServerGuard): ManagerOptions {
  const { control, target } = options
  const telling = tellingClient(control, apiServers.listenerFor('control cluster'))
  if (target === undefined) return { ...options, control: telling }
  const same = target === control
  return {
    ...options,
    control: telling,
    target: same ? telling : tellingClient(target, apiServers.listenerFor('target cluster')),
  }
}

/** What is asked when nothing was heard: for objects that do not exist, which costs a server next to nothing. */
function expectAnswers(
  { control, target: client, namespace }: ManagerOptions,
  target: TargetContext | undefined,
  apiServers: ApiServerGuard,
  signal: AbortSignal,
): void {
  const name = 'machine-safety-check'
  apiServers.expect('control cluster', () => control.find(machines, { namespace, name }), signal)
  if (client === undefined || client === control) return
  const expectTarget = () => apiServers.expect('target cluster', () => client.find(nodes, { name }), signal)
  // A target that never answered is one that starts: its machines are made meanwhile.
  target?.answered.then(expectTarget)
}

function createInformers(options: ManagerOptions): Informers {
  const { control: client, clock, random, log, namespace } = options
  const informer = <Kind extends KubernetesObject>(
    resource: Resource<Kind>,
    indexes: Readonly<Record<string, IndexFunction<Kind>>> = {},
  ) => createInformer({ client, clock, random, log, resource, indexes, selection: { namespace } })
  return {
    deployments: informer(machineDeployments),
    sets: informer(machineSets, setOwnerIndex),
    machines: informer(machines, { ...machineIndexes, ...ownerIndex }),
    classes: informer(machineClasses),
    secrets: informer(secrets, {}),
  }
}
