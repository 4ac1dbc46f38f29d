import { hostname } from 'node:os'
import type { Shoot } from '@trellis/api/garden/shoot'
import { keyOf, keyText } from '@trellis/api/meta'
import type { CertificateMaker } from '@trellis/certificates/authority'
import type { CloudClient } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client, ConnectedClient } from '@trellis/kubernetes/client'
import { runWithLease } from '@trellis/kubernetes/lease'
import { runCare } from './care/care-session.ts'
import { type Carers, createCarers } from './care/carers.ts'
import type { ShootCloud } from './clouds/cloud.ts'
import { type CloudConnections, createCloudConnections } from './clouds/connections.ts'
import { chooseCloud } from './clouds/known-clouds.ts'
import type { Configuration } from './configuration.ts'
import type { Helm } from './helm.ts'
import { chooseEngine } from './infrastructure/choose-engine.ts'
import { createOpenTofuEngines, type OpenTofuEngines } from './infrastructure/opentofu/engines.ts'
import {
  createShootInfrastructure,
  grownNetworks,
  type ShootInfrastructure,
} from './infrastructure/shoot-infrastructure.ts'
import type { SecretData } from './secrets/secret-store.ts'
import { identityOf } from './shoot/blueprint.ts'
import { createShootInformer, runShootController, untilOutdated } from './shoot/controller.ts'
import { makeCreateFlow } from './shoot/create-flow.ts'
import { makeDeleteFlow } from './shoot/delete-flow.ts'
import { createShootReconcile } from './shoot/reconcile.ts'
import { createShootConnections, type ShootConnections } from './shoot-connections.ts'
import type { DeletionServices, ShootServices } from './tasks/services.ts'

/** All that the process works with. Tests put doubles in. */
export interface ProcessContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly configuration: Configuration
  /** The garden, which is the seed too. */
  readonly garden: Client
  readonly seed: Client
  readonly seedKubeconfig: string | undefined
  /** The embedded cloud that the seed runs on, and the credentials by which anybody in the seed may reach it. */
  readonly seedCloud: CloudClient
  readonly seedCredentials: SecretData
  /** Kinds of clouds that shoots may be on. */
  readonly clouds: readonly ShootCloud[]
  readonly certificates: CertificateMaker
  readonly helm: Helm
  /** Makes a client of a shoot from the text of a kubeconfig. */
  readonly open: (kubeconfig: string) => Promise<ConnectedClient>
}

/** What the process tells about itself. */
export interface ProcessStatus {
  readonly leading: boolean
  /** Shoots that are looked after. */
  readonly shoots: number
}

/** A running process. */
export interface RunningProcess {
  status(): ProcessStatus
  /** Resolves when the signal has aborted and all work has ended; rejects when the lease was lost. */
  readonly ended: Promise<void>
}

const defaultConcurrency = 20

/** Looks after the shoots of one seed, as long as it holds the lease, until the signal aborts. */
export function startProcess(context: ProcessContext, signal: AbortSignal): RunningProcess {
  const { configuration, random } = context
  let leading = false
  let carers: Carers | undefined
  const ended = runWithLease({
    ...context,
    client: context.garden,
    namespace: configuration.namespace,
    name: `cluster-bootstrap-${configuration.seedName}`,
    identity: `${hostname()}_${random.text(8)}`,
    leaseDurationSeconds: 10,
    renewDeadlineSeconds: 7,
    retryPeriodSeconds: 1,
    signal,
    work: async (leased) => {
      leading = true
      carers = createCarers(context.log, leased)
      try {
        await work(context, carers, leased)
      } finally {
        leading = false
      }
    },
  })
  return { status: () => ({ leading, shoots: carers?.count() ?? 0 }), ended }
}

async function work(context: ProcessContext, carers: Carers, signal: AbortSignal): Promise<void> {
  const { configuration } = context
  using connections = createShootConnections(context.seed, context.open)
  await using cloudConnections = createCloudConnections(context)
  const { infrastructure } = configuration
  const openTofu = infrastructure === undefined ? undefined : createOpenTofuEngines(context, infrastructure)
  const informer = createShootInformer(context)
  const parts: CareParts = { context, carers, connections, cloudConnections, openTofu, informer }
  const beginCare = (shoot: Shoot) => beginShootCare(parts, shoot)
  const reconcile = createShootReconcile({
    ...context,
    seedName: configuration.seedName,
    images: configuration.images,
    createFlow: makeCreateFlow(),
    deleteFlowOf: deleteFlows(openTofu !== undefined),
    servicesOf: (shoot, { blueprint, cloud }): ShootServices => ({
      ...context,
      blueprint,
      cloud,
      infrastructure: createShootInfrastructure({
        ...context,
        connections: cloudConnections,
        openTofu,
        cloud,
        shoot,
        technicalId: blueprint.technicalId,
        networks: blueprint.networks,
      }),
      images: configuration.images,
      agent: configuration.nodeAgent,
      dnsUpstream: configuration.features?.dnsUpstream,
      httpConnect: configuration.features?.httpConnect ?? false,
      tunnelDoor: configuration.features?.tunnelDoor,
      connectToShoot: () => connections.connect(blueprint.technicalId),
      beginCare: () => beginCare(shoot),
    }),
    deletionServicesOf: (shoot, cloud): DeletionServices => {
      const identity = identityOf(shoot)
      connections.forget(identity.technicalId)
      return { ...context, identity, cloud, infrastructure: grownInfrastructure(parts, shoot, cloud) }
    },
    beginCare,
    endCare: carers.end,
    untilOutdated: (key, shoot, parent) => untilOutdated(informer, key, shoot, parent),
  })
  const { concurrency = defaultConcurrency } = configuration
  await runShootController({ ...context, informer, concurrency, reconcile }, signal)
  await carers.endAll()
}

/** A state that OpenTofu keeps in the control namespace must outlive what it knows; that a Shoot's status was lost is no reason to lose it. */
function deleteFlows(mayBeOpenTofu: boolean) {
  const [usual, careful] = [makeDeleteFlow(), makeDeleteFlow({ stateInNamespace: true })]
  return (shoot: Shoot) => (mayBeOpenTofu || chooseEngine(shoot, 'sdk') === 'opentofu' ? careful : usual)
}

interface CareParts {
  readonly context: ProcessContext
  readonly carers: Carers
  readonly connections: ShootConnections
  readonly cloudConnections: CloudConnections
  readonly openTofu: OpenTofuEngines | undefined
  readonly informer: ReturnType<typeof createShootInformer>
}

/** The infrastructure of a shoot that has been grown, or begun. */
function grownInfrastructure(
  { context, cloudConnections: connections, openTofu }: CareParts,
  shoot: Shoot,
  cloud: ShootCloud,
): ShootInfrastructure {
  const { technicalId } = identityOf(shoot)
  const networks = grownNetworks(shoot)
  return createShootInfrastructure({ ...context, connections, openTofu, cloud, shoot, technicalId, networks })
}

async function beginShootCare(parts: CareParts, shoot: Shoot): Promise<void> {
  const { context, carers, connections, informer } = parts
  const choice = chooseCloud(context.clouds, shoot.spec.provider.type)
  // What cannot be grown here has not been.
  if ('error' in choice) return
  const { technicalId } = identityOf(shoot)
  const { client, kubeconfig } = await connections.connect(technicalId)
  const key = keyOf(shoot)
  const options = {
    ...context,
    cloud: choice.cloud,
    infrastructure: grownInfrastructure(parts, shoot, choice.cloud),
    log: context.log.child({ shoot: keyText(key) }),
    client,
    key,
    technicalId,
    current: () => informer.get(key),
  }
  // Another kubeconfig means another connection: then a session on the old one would soon be shut out.
  carers.begin(keyText(key), kubeconfig, (signal) => runCare(options, signal))
}
