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
import type { Configuration } from './configuration.ts'
import type { Helm } from './helm.ts'
import { identityOf } from './shoot/blueprint.ts'
import { createShootInformer, runShootController, untilOutdated } from './shoot/controller.ts'
import { makeCreateFlow } from './shoot/create-flow.ts'
import { makeDeleteFlow } from './shoot/delete-flow.ts'
import { createShootReconcile } from './shoot/reconcile.ts'
import { createShootConnections, type ShootConnections } from './shoot-connections.ts'
import type { CloudCredentials, ShootServices } from './tasks/services.ts'

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
  readonly cloud: CloudClient
  readonly cloudCredentials: CloudCredentials
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
  using connections = createShootConnections(context.seed, context.open)
  const informer = createShootInformer(context)
  const beginCare = (shoot: Shoot) => beginShootCare({ context, carers, connections, informer, shoot })
  const reconcile = createShootReconcile({
    ...context,
    seedName: context.configuration.seedName,
    images: context.configuration.images,
    createFlow: makeCreateFlow(),
    deleteFlow: makeDeleteFlow(),
    servicesOf: (shoot, blueprint): ShootServices => ({
      ...context,
      blueprint,
      images: context.configuration.images,
      dnsUpstream: context.configuration.features?.dnsUpstream,
      connectToShoot: () => connections.connect(blueprint.technicalId),
      beginCare: () => beginCare(shoot),
    }),
    deletionServicesOf: (shoot) => {
      const identity = identityOf(shoot)
      connections.forget(identity.technicalId)
      return { ...context, identity }
    },
    beginCare,
    endCare: carers.end,
    untilOutdated: (key, shoot, parent) => untilOutdated(informer, key, shoot, parent),
  })
  const { concurrency = defaultConcurrency } = context.configuration
  await runShootController({ ...context, informer, concurrency, reconcile }, signal)
  await carers.endAll()
}

interface CareParts {
  readonly context: ProcessContext
  readonly carers: Carers
  readonly connections: ShootConnections
  readonly informer: ReturnType<typeof createShootInformer>
  readonly shoot: Shoot
}

async function beginShootCare({ context, carers, connections, informer, shoot }: CareParts): Promise<void> {
  const { technicalId } = identityOf(shoot)
  const { client, kubeconfig } = await connections.connect(technicalId)
  const key = keyOf(shoot)
  const options = {
    ...context,
    log: context.log.child({ shoot: keyText(key) }),
    client,
    key,
    technicalId,
    current: () => informer.get(key),
  }
  // Another kubeconfig means another connection: then a session on the old one would soon be shut out.
  carers.begin(keyText(key), kubeconfig, (signal) => runCare(options, signal))
}
