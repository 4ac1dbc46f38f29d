import { configMaps } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { daemonSets, deployments, statefulSets } from '@trellis/api/core/workload'
import type { GardenCondition } from '@trellis/api/garden/common'
import { type Shoot, shoots } from '@trellis/api/garden/shoot'
import { machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { KubernetesObject, ObjectKey, Resource } from '@trellis/api/meta'
import { tunnelReportPlace } from '@trellis/api/tunnel-report'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client, Selection } from '@trellis/kubernetes/client'
import { createInformer, type Informer } from '@trellis/kubernetes/informer'
import type { ShootCloud } from '../clouds/cloud.ts'
import type { ShootInfrastructure } from '../infrastructure/shoot-infrastructure.ts'
import { isNodeReady } from '../shoot/workloads.ts'
import { systemComponentSelector } from '../tasks/add-ons.ts'
import { checkTunnel } from '../tasks/tunnel.ts'
import { assess, type CareObservation, mergeConditions, type ProbeAnswer } from './assess.ts'
import { certificateSigningRequests } from './certificate-signing-request.ts'
import { createServerFinder } from './find-server.ts'
import { createKubeletServingApprover } from './kubelet-serving-approver.ts'
import { shootEndSays } from './shoot-end-says.ts'

/** What looking after one shoot needs. */
export interface CareOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly garden: Client
  readonly seed: Client
  readonly cloud: ShootCloud
  readonly infrastructure: ShootInfrastructure
  /** The shoot itself, through its front door. */
  readonly client: Client
  readonly key: ObjectKey
  readonly technicalId: string
  /** The Shoot as last seen. */
  readonly current: () => Shoot | undefined
}

/** Changes come in flocks: they are judged together. */
const settleMilliseconds = 500
/** Whether the front door and the tunnel are open is told by nothing but asking. */
const probeMilliseconds = 30_000
const probeLimitMilliseconds = 10_000

/** Looks after one shoot until the signal aborts: keeps its conditions true and answers its kubelets' requests for certificates. */
export async function runCare(options: CareOptions, signal: AbortSignal): Promise<void> {
  const watched = createInformers(options)
  const state = createCareState(options, watched)
  const approver = createKubeletServingApprover({
    ...options,
    requests: watched.requests,
    findServer: createServerFinder({ ...options, machines: watched.machines }),
  })
  watched.nodes.onChange(state.probeSoon)
  for (const informer of watched.all) informer.onChange(state.judgeSoon)
  await Promise.all([
    ...watched.all.map((informer) => informer.run(signal)),
    watched.requests.run(signal),
    approver.run(signal),
    state.run(signal),
  ])
}

function createInformers(options: CareOptions) {
  const make = <Kind extends KubernetesObject>(client: Client, resource: Resource<Kind>, selection: Selection) =>
    createInformer({ ...options, client, resource, selection })
  const control = { namespace: options.technicalId }
  const system = { namespace: 'kube-system', labelSelector: systemComponentSelector }
  const informers = {
    deployments: make(options.seed, deployments, control),
    statefulSets: make(options.seed, statefulSets, control),
    machines: make(options.seed, machines, control),
    machineDeployments: make(options.seed, machineDeployments, control),
    nodes: make(options.client, nodes, {}),
    systemDeployments: make(options.client, deployments, system),
    systemDaemonSets: make(options.client, daemonSets, system),
  }
  const all: readonly Pick<Informer<KubernetesObject>, 'run' | 'onChange'>[] = Object.values(informers)
  return { ...informers, requests: make(options.client, certificateSigningRequests, {}), all }
}

type Watched = ReturnType<typeof createInformers>

interface CareState {
  judgeSoon(): void
  probeSoon(): void
  run(signal: AbortSignal): Promise<void>
}

function createCareState(options: CareOptions, watched: Watched): CareState {
  const { clock, log } = options
  let wake = Promise.withResolvers<void>()
  let probeAt = clock.now()
  let written: readonly GardenCondition[] | undefined
  let apiServer: ProbeAnswer
  let tunnel: ProbeAnswer

  async function probe(signal: AbortSignal): Promise<void> {
    probeAt = clock.now() + probeMilliseconds
    apiServer = await ask(options, signal, (own) =>
      options.client.request({ method: 'GET', path: '/readyz', signal: own }),
    )
    const ready = watched.nodes.list().filter(isNodeReady)
    const first = ready[0]
    if (first === undefined) tunnel = undefined
    else tunnel = await askForTunnel(options, first.metadata.name, signal)
  }

  async function judge(): Promise<void> {
    const shoot = options.current()
    if (shoot === undefined || shoot.metadata.deletionTimestamp !== undefined) return
    const operating = shoot.status?.lastOperation?.state === 'Processing'
    const statements = assess(observe(watched, { apiServer, tunnel }))
    const now = clock.now()
    // What was written last is newer than what the informer may have seen of it.
    const present = written ?? shoot.status?.conditions ?? []
    const conditions = mergeConditions(present, statements, { operating, now })
    if (conditions === undefined) return
    await options.garden.patch(shoots, options.key, { status: { conditions } }, { subresource: 'status' })
    written = conditions
  }

  return {
    judgeSoon: () => wake.resolve(),
    probeSoon: () => {
      probeAt = Math.min(probeAt, clock.now())
      wake.resolve()
    },
    run: async (signal) => {
      while (!signal.aborted) {
        if (clock.now() >= probeAt) await probe(signal)
        await judge().catch((error: unknown) => {
          if (!isFailure(error, 'NotFound')) log.warn({ error: describe(error) }, 'the conditions could not be written')
        })
        await clock.sleep(settleMilliseconds, signal).catch(() => undefined)
        await sleepUntil(clock, Math.max(0, probeAt - clock.now()), wake.promise, signal)
        wake = Promise.withResolvers<void>()
      }
    },
  }
}

/** Sleeps until that much time has passed, the promise resolves or the signal aborts. */
async function sleepUntil(
  clock: Clock,
  milliseconds: number,
  woken: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const own = new AbortController()
  await Promise.race([clock.sleep(milliseconds, AbortSignal.any([signal, own.signal])).catch(() => undefined), woken])
  own.abort()
}

async function ask(
  { clock }: CareOptions,
  parent: AbortSignal,
  question: (signal: AbortSignal) => Promise<unknown>,
): Promise<ProbeAnswer> {
  const late = new AbortController()
  const timer = clock.setTimer(probeLimitMilliseconds, () => late.abort(new Error('no answer in time')))
  try {
    await question(AbortSignal.any([parent, late.signal]))
    return { ok: true }
  } catch (error) {
    return { ok: false, error: describe(error) }
  } finally {
    timer.cancel()
  }
}

/** Whether the API server reaches a kubelet. If not, what the shoot's end of the tunnel says: it needs no tunnel to say it. */
async function askForTunnel(options: CareOptions, node: string, signal: AbortSignal): Promise<ProbeAnswer> {
  const answer = await ask(options, signal, (own) => checkTunnel(options.client, node, own))
  if (answer === undefined || answer.ok) return answer
  const reports = await options.client.find(configMaps, tunnelReportPlace).catch(() => undefined)
  return { ok: false, error: `${answer.error}; ${shootEndSays(reports?.data ?? {}, options.clock.now())}` }
}

function observe(watched: Watched, answers: Pick<CareObservation, 'apiServer' | 'tunnel'>): CareObservation {
  const known = <Kind extends KubernetesObject>(informer: Informer<Kind>) =>
    informer.hasSynced() ? informer.list() : undefined
  return {
    ...answers,
    deployments: known(watched.deployments),
    statefulSets: known(watched.statefulSets),
    machines: known(watched.machines),
    machineDeployments: known(watched.machineDeployments),
    nodes: known(watched.nodes),
    systemDeployments: known(watched.systemDeployments),
    systemDaemonSets: known(watched.systemDaemonSets),
  }
}
