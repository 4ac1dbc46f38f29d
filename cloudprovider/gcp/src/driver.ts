import { type CallBudgets, createCallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { type CallMetrics, createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Coalescer } from '@trellis/cloudprovider/contract/coalesce'
import type {
  CallOptions,
  ClassSettings,
  Driver,
  MachineRequest,
  ProviderMachine,
} from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Registry } from 'prom-client'
import { type ComputeClient, createComputeClient, type Instance, type Place } from './client.ts'
import { type ConnectionPorts, connectToGoogle, type TestEndpoint } from './connection.ts'
import { lastLines } from './console.ts'
import { createServer } from './create-server.ts'
import { accountOf, type GoogleCredentials, parseCredentials } from './credentials.ts'
import { deleteMachine, deleteServer } from './delete-server.ts'
import {
  describeAttempt,
  describeInstance,
  findInstance,
  googleProvider,
  lastAttempt,
  lastPart,
  machineNameOf,
  placeOf,
  providerIdOf,
} from './find-servers.ts'
import { deleteLeftover, listLeftovers } from './leftovers.ts'
import { isOwn, ownFilter } from './ownership.ts'
import { parseProviderSpec } from './provider-spec.ts'
import type { Session } from './session.ts'
import { lookTogether } from './shared-looks.ts'
import { mutableFields, updateInstance } from './update-server.ts'
import { volumeIdsOf } from './volume-ids.ts'

/** What the driver needs, and what tests replace. */
export interface GoogleDriverOptions {
  readonly clock: Clock
  /** Where calls are counted; nowhere when absent. */
  readonly registry?: Registry
  /** A cloud of a test's own. */
  readonly endpoint?: TestEndpoint
  /** How to reach the cloud with these credentials. */
  readonly connect?: (ports: ConnectionPorts, credentials: GoogleCredentials) => ComputeClient
}

/** What the cloud allows of one account, with room for others: 25 calls a second for each sort of call. */
export const budgetSettings = { perSecond: 20, burst: 40, leastPerSecond: 1 }

/** A driver for Google Cloud. It keeps what it knows of accounts between calls, and nothing of machines. */
export function createGoogleDriver(options: GoogleDriverOptions): Driver & Disposable {
  const accounts = createAccounts(options)
  const open = (settings: ClassSettings): Session => accounts.open(settings)
  return {
    provider: googleProvider,
    createMachine: async (request, call) => createServer(open(request), request, alive(call)),
    initializeMachine: async (request, call) => statusOf(open(request), request, alive(call)),
    deleteMachine: async (request, call) => deleteMachine(open(request), request, alive(call)),
    deleteServer: async (request, call) => deleteServer(open(request), request, alive(call)),
    getMachineStatus: async (request, call) => statusOf(open(request), request, alive(call)),
    listMachines: async (settings, call) => {
      const { client, spec } = open(settings)
      const found = await client.listAllInstances(ownFilter(spec.tags), alive(call))
      const own = found.filter(({ tags }) => isOwn(tags?.items ?? [], spec.tags))
      return new Map(own.map((one) => [idOf(client.project, one), machineNameOf(one)]))
    },
    listLeftovers: async (settings, call) => listLeftovers(open(settings), alive(call)),
    deleteLeftover: async (settings, leftover, call) => deleteLeftover(open(settings), leftover, alive(call)),
    getVolumeIds: async ({ volumes }) => volumeIdsOf(volumes),
    getConsoleOutput: async (request, lines, call) => {
      const { client, spec } = open(request)
      const place = placeOf(client.project, spec, request)
      if ((await findInstance(client, place, spec.tags, alive(call))) === undefined) throw missing(request)
      return lastLines(await client.serialPortOutput(place, call), lines)
    },
    mutableFields,
    updateMachine: async (request, call) => {
      const session = open(request)
      const place = placeOf(session.client.project, session.spec, request)
      const instance = await findInstance(session.client, place, session.spec.tags, alive(call))
      if (instance === undefined) throw missing(request)
      await updateInstance(session, place, instance, call)
    },
    [Symbol.dispose]: accounts.forget,
  }
}

/** A call that was called off before it began never reaches the cloud. */
function alive(call: CallOptions | undefined): CallOptions | undefined {
  call?.signal?.throwIfAborted()
  return call
}

function idOf(project: string, { zone, name }: Instance): string {
  return providerIdOf(project, { zone: lastPart(zone), instance: name })
}

async function statusOf(
  { client, spec, look }: Session,
  request: MachineRequest,
  call: CallOptions | undefined,
): Promise<ProviderMachine> {
  const place = placeOf(client.project, spec, request)
  const instance = await look(place, call)
  if (instance !== undefined) {
    if (!isOwn(instance.tags?.items ?? [], spec.tags)) throw missing(request)
    return describeInstance(client.project, place, instance)
  }
  const last = lastAttempt(await client.operationsOf(place, call))
  if (last.kind === 'running') return describeAttempt(client.project, place)
  if (last.kind === 'failed') return describeAttempt(client.project, place, last.failure)
  throw missing(request)
}

function missing({ machineName }: MachineRequest): Failure {
  return new Failure('NotFound', `${machineName} has no server`)
}

/** Connections by credentials: classes of one account share one. Credentials that rotate leave at most a few behind. */
function createAccounts(options: GoogleDriverOptions) {
  const { clock, registry, endpoint } = options
  const most = 16
  const budgets: CallBudgets = createCallBudgets({ clock }, budgetSettings)
  const metrics: CallMetrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, googleProvider)
  const connect =
    options.connect ??
    ((ports: ConnectionPorts, credentials: GoogleCredentials) =>
      createComputeClient(connectToGoogle(ports, credentials, endpoint)))
  const accounts = new Map<
    string,
    { readonly client: ComputeClient; readonly looks: Map<string, Coalescer<Instance>> }
  >()
  const accountFor = (credentials: GoogleCredentials) => {
    const key = JSON.stringify(credentials)
    const known = accounts.get(key)
    const ports = { clock, metrics, budget: budgets.of(accountOf(credentials)) }
    const account = known ?? { client: connect(ports, credentials), looks: new Map() }
    accounts.delete(key)
    accounts.set(key, account)
    const [oldest] = accounts.keys()
    if (accounts.size > most && oldest !== undefined) accounts.delete(oldest)
    return account
  }
  return {
    open: (settings: ClassSettings): Session => {
      const spec = parseProviderSpec(settings.providerSpec)
      const { client, looks } = accountFor(parseCredentials(settings.secret))
      const look = (place: Place, call?: CallOptions) => lookTogether({ clock, client, looks }, spec.tags, place, call)
      return { client, spec, clock, metrics, look }
    },
    forget: () => accounts.clear(),
  }
}
