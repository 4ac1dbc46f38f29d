import { type Secret, secrets } from '@trellis/api/core/configuration'
import { type Node, nodes } from '@trellis/api/core/node'
import { machineApiVersion } from '@trellis/api/machine/common'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineClass, machineClasses } from '@trellis/api/machine/machine-class'
import {
  type MachineDeployment,
  type MachineDeploymentSpec,
  machineDeployments,
} from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import { createSimulatedCloud, type SimulatedCloud } from '@trellis/cloudprovider/simulated/cloud'
import { createSimulatedDriver } from '@trellis/cloudprovider/simulated/driver'
import { type NodeMaker, startNodeMaker } from '@trellis/cloudprovider/simulated/nodes'
import type { SimulatedSettings } from '@trellis/cloudprovider/simulated/settings'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog, type Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { Registry } from 'prom-client'
import type { ControllerName } from '../src/controller-selection.ts'
import type { MachineSettings } from '../src/machine/settings.ts'
import { createManager, type Manager } from '../src/manager.ts'
import { type SafetySettings, usualSafety } from '../src/safety/settings.ts'

/** What a rig is made of. The clients may be of a fake or of a real API server. */
export interface RigOptions {
  readonly clock: Clock
  readonly random: Random
  readonly control: Client
  /** The same as `control` unless told; none when null. */
  readonly target?: Client | null
  /** Plays the kubelets; the target's client unless told. */
  readonly kubelets?: Client
  readonly namespace: string
  readonly cloud?: SimulatedSettings
  readonly joinMilliseconds?: number
  readonly settings?: Partial<MachineSettings>
  readonly tokenKey?: Uint8Array | null
  readonly log?: Log
  readonly orphanPeriodMilliseconds?: number
  readonly safety?: Partial<SafetySettings>
  readonly keepNodesDuringRollout?: boolean
  /** What each of several processes runs that share the work; one process runs everything unless told. */
  readonly processes?: readonly Process[]
  /** Stands between the manager and the simulated driver. */
  readonly wrapDriver?: (driver: Driver) => Driver
}

/** One of several processes that share the work. */
export interface Process {
  /** All unless told. */
  readonly controllers?: readonly ControllerName[]
  /** Stands between the process and the API server of the control cluster. */
  readonly wrapControl?: (client: Client, clock: Clock) => Client
}

/** A machine controller manager in front of a simulated cloud whose servers become Nodes. */
export interface Rig extends AsyncDisposable {
  readonly cloud: SimulatedCloud
  readonly nodeMaker: NodeMaker
  /** Of the first process. */
  readonly registry: Registry
  readonly manager: Manager
  /** Starts the controllers, or new ones after `stop`. */
  start(): void
  /** Ends the controllers; the cloud and its nodes live on. */
  stop(): Promise<void>
  machines(): Promise<readonly Machine[]>
  sets(): Promise<readonly MachineSet[]>
  nodes(): Promise<readonly Node[]>
  deployment(name: string): Promise<MachineDeployment>
}

/** Machine settings short enough for tests on a real clock. */
export const quickSettings: MachineSettings = {
  creationTimeoutMilliseconds: 1_200_000,
  healthTimeoutMilliseconds: 600_000,
  drainTimeoutMilliseconds: 7_200_000,
  inPlaceUpdateTimeoutMilliseconds: 1_200_000,
  preserveTimeoutMilliseconds: 345_600_000,
  maxEvictRetries: 360,
  pvDetachTimeoutMilliseconds: 120_000,
  pvReattachTimeoutMilliseconds: 90_000,
  nodeConditions: ['KernelDeadlock', 'ReadonlyFilesystem', 'DiskPressure', 'NetworkUnavailable'],
  resourceExhaustedRetryMilliseconds: 600_000,
}

/** What one incarnation of the controllers sees of the world. */
export interface RigManagerParts {
  readonly clock: Clock
  readonly random: Random
  readonly control: Client
  readonly target: Client | undefined
  readonly driver: Driver
  readonly log: Log
  /** All unless told. */
  readonly controllers?: ReadonlySet<ControllerName>
}

/** Makes controllers that are set up as a rig's options say. */
export function createRigManager(
  options: Omit<RigOptions, 'clock' | 'random' | 'control' | 'target' | 'log'>,
  parts: RigManagerParts,
): { readonly manager: Manager; readonly registry: Registry } {
  const { target, ...others } = parts
  const registry = new Registry()
  const manager = createManager({
    ...others,
    ...(target === undefined ? {} : { target }),
    registry,
    namespace: options.namespace,
    settings: { ...quickSettings, ...options.settings },
    tokens: {
      key: options.tokenKey === null ? undefined : (options.tokenKey ?? Buffer.alloc(32, 7)),
      extraGroups: 'system:bootstrappers:trellis',
    },
    concurrentMachines: 50,
    concurrentSyncs: 10,
    orphanPeriodMilliseconds: options.orphanPeriodMilliseconds ?? 900_000,
    safety: { ...usualSafety, ...options.safety },
    keepNodesDuringRollout: options.keepNodesDuringRollout ?? true,
  })
  return { manager, registry }
}

/** Makes a rig; the controllers stand still until started. */
export function createRig(options: RigOptions): Rig {
  const { clock, random, control, namespace, log = createSilentLog() } = options
  const target = options.target === null ? undefined : (options.target ?? control)
  const cloud = createSimulatedCloud({ clock, random: random.child('cloud') }, options.cloud)
  const stopNodes = new AbortController()
  const nodeMaker = startNodeMaker(
    {
      clock,
      random: random.child('nodes'),
      log,
      cloud,
      client: options.kubelets ?? target ?? control,
      joinMilliseconds: options.joinMilliseconds ?? 0,
    },
    stopNodes.signal,
  )
  let starts = 0
  const makeOne = (process: Process, index: number) => {
    const { controllers, wrapControl = (client: Client) => client } = process
    const driver = (options.wrapDriver ?? ((bare) => bare))(createSimulatedDriver(cloud))
    return createRigManager(options, {
      clock,
      random: random.child(`manager-${starts}${index === 0 ? '' : `-${index}`}`),
      log,
      control: wrapControl(control, clock),
      target,
      driver,
      ...(controllers === undefined ? {} : { controllers: new Set(controllers) }),
    })
  }
  const make = () => {
    const [first = {}, ...others] = options.processes ?? []
    const made = { ...makeOne(first, 0), others: others.map((process, index) => makeOne(process, index + 1)) }
    starts++
    return made
  }
  let current = make()
  let running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  const stop = async () => {
    running?.stop.abort(new Failure('Unavailable', 'the rig was stopped'))
    await running?.ended
    running = undefined
  }
  return {
    cloud,
    nodeMaker,
    get registry() {
      return current.registry
    },
    get manager() {
      return current.manager
    },
    start: () => {
      if (starts > 1 || running !== undefined) current = make()
      else starts++
      const controller = new AbortController()
      const managers = [current.manager, ...current.others.map(({ manager }) => manager)]
      const ended = Promise.all(managers.map((manager) => manager.run(controller.signal))).then(() => {})
      running = { stop: controller, ended }
    },
    stop,
    machines: async () => (await control.list(machines, { namespace })).items,
    sets: async () => (await control.list(machineSets, { namespace })).items,
    nodes: async () => (await (target ?? control).list(nodes)).items,
    deployment: (name) => control.get(machineDeployments, { namespace, name }),
    [Symbol.asyncDispose]: async () => {
      await stop()
      stopNodes.abort(new Failure('Unavailable', 'the rig was taken apart'))
    },
  }
}

/** The secret of {@link classFor}. */
export function classSecret(namespace: string, name = 'class-secret'): Secret {
  const userData = '#cloud-config\n# <<MACHINE_NAME>> <<BOOTSTRAP_TOKEN>>\n'
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data: { userData: Buffer.from(userData).toString('base64') },
  }
}

/** A class of the simulated cloud. */
export function classFor(namespace: string, name = 'small', machineType = 'small'): MachineClass {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineClass',
    metadata: { name, namespace },
    provider: 'simulated',
    providerSpec: { machineType, tags: { 'kubernetes.io/cluster/test': '1', 'kubernetes.io/role/node': '1' } },
    secretRef: { name: 'class-secret', namespace },
  }
}

/** A deployment of that many machines. */
export function deploymentOf(
  namespace: string,
  name: string,
  replicas: number,
  spec: Partial<MachineDeploymentSpec> = {},
): MachineDeployment {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineDeployment',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { name } },
        spec: {
          class: { apiGroup: 'machine.sapcloud.io', kind: 'MachineClass', name: 'small' },
          nodeTemplate: { metadata: { labels: { pool: name } } },
        },
      },
      ...spec,
    },
  }
}

/** Makes the class, its secret and a deployment. */
export async function plant(client: Client, namespace: string, deployment: MachineDeployment): Promise<void> {
  await client.create(secrets, classSecret(namespace))
  await client.create(machineClasses, classFor(namespace))
  await client.create(machineDeployments, deployment)
}

/** Changes the wanted number of machines. */
export async function scale(client: Client, namespace: string, name: string, replicas: number): Promise<void> {
  await client.patch(machineDeployments, { namespace, name }, { spec: { replicas } }, { type: 'merge' })
}
