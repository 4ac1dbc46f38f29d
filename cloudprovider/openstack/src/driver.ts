import { type CallBudgets, createCallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { type CallMetrics, createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CallOptions, ClassSettings, Driver, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import type { OpenStackClient } from './client.ts'
import { type ConnectOptions, connectOpenStack } from './connect.ts'
import { createServer, type ServerContext } from './create-server.ts'
import { accountOf, parseCredentials } from './credentials.ts'
import { deleteServers } from './delete-server.ts'
import { describeServer, providerIdOf } from './describe-server.ts'
import { createServerFinder, findOne, type ServerFinder, withFault } from './find-servers.ts'
import { deleteLeftover, listLeftovers } from './leftovers.ts'
import { createLookups, type Lookups } from './lookups.ts'
import { marksFilter } from './ownership.ts'
import { type OpenStackProviderSpec, parseProviderSpec } from './provider-spec.ts'
import { mutableFields, updateServer } from './update-server.ts'
import { volumeIdsOf } from './volume-ids.ts'

/** Name of the provider in machine classes. */
export const openStackProvider = 'OpenStack'

/** What the driver works with. */
export interface OpenStackDriverOptions {
  readonly clock: Clock
  /** Where calls are counted; nowhere when absent. */
  readonly registry?: Registry
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
  /** How accounts are reached; over HTTP unless told. */
  readonly connect?: (options: ConnectOptions) => OpenStackClient
}

/** A service of a public cloud bears some ten calls a second of a project; a burst comes with each rollout. */
export const usualBudget = { perSecond: 20, burst: 40, leastPerSecond: 0.5 }

/** A driver for OpenStack. It keeps connections open per account and region; disposing it closes them. */
export function createOpenStackDriver(options: OpenStackDriverOptions): Driver & Disposable {
  const metrics =
    options.registry === undefined ? noCallMetrics : createCallMetrics(options.registry, openStackProvider)
  const accounts = createAccounts(options, metrics)
  const open = (settings: ClassSettings, call?: CallOptions): ServerContext => {
    const spec = parseProviderSpec(settings.providerSpec)
    const { client, lookups, finder } = accounts.of(settings.secret, spec)
    return { client, lookups, finder, spec, metrics, ...(call === undefined ? {} : { call }) }
  }
  return {
    provider: openStackProvider,
    mutableFields,
    createMachine: (request, call) => guarded(call, () => createServer(open(request, call), request)),
    initializeMachine: (request, call) => guarded(call, () => look(open(request, call), request.machineName)),
    getMachineStatus: (request, call) => guarded(call, () => look(open(request, call), request.machineName)),
    deleteMachine: async (request, call) => {
      const context = open(request, call)
      const servers = await context.finder.named(request.machineName, call)
      return deleteServers(context, request.machineName, servers)
    },
    deleteServer: async (request, call) => {
      const { client, finder, spec } = open(request, call)
      const servers = await finder.named(request.machineName, call)
      const doomed = servers.find((server) => providerIdOf(spec.region, server) === request.providerId)
      return doomed === undefined ? 'gone' : client.servers.remove(doomed.id, call)
    },
    updateMachine: async (request, call) => {
      const context = open(request, call)
      await updateServer(context, await findOne(context.finder, request.machineName, call))
    },
    listMachines: async (settings, call) => {
      const { finder, spec } = open(settings, call)
      const servers = await finder.all(call)
      return new Map(servers.map((server) => [providerIdOf(spec.region, server), server.name]))
    },
    listLeftovers: async (settings, call) => listLeftovers(open(settings, call)),
    deleteLeftover: async (settings, leftover, call) => deleteLeftover(open(settings, call), leftover),
    getVolumeIds: async (request) => volumeIdsOf(request),
    getConsoleOutput: async (request, lines, call) => {
      const { client, finder } = open(request, call)
      const { id } = await findOne(finder, request.machineName, call)
      return client.consoleOutput(id, lines, call)
    },
    [Symbol.dispose]: accounts[Symbol.dispose],
  }
}

async function look({ client, finder, spec, call }: ServerContext, machineName: string): Promise<ProviderMachine> {
  const server = await findOne(finder, machineName, call)
  return describeServer(await withFault(client, server, call), spec.region)
}

async function guarded<Value>(call: CallOptions | undefined, work: () => Promise<Value>): Promise<Value> {
  call?.signal?.throwIfAborted()
  return work()
}

/** A connection to an account in a region, and what is kept with it. */
interface Account {
  readonly client: OpenStackClient
  readonly lookups: Lookups
  readonly finders: Map<string, ServerFinder>
}

/** Connections that are kept: those used last. Credentials that rotate leave at most a few idle ones behind. */
const mostAccounts = 16

function createAccounts(options: OpenStackDriverOptions, metrics: CallMetrics) {
  const { clock, connect = connectOpenStack, budgets = createCallBudgets({ clock }, usualBudget) } = options
  const accounts = new Map<string, Account>()
  const open = (secret: ClassSettings['secret'], region: string): Account => {
    const credentials = parseCredentials(secret)
    const budget = budgets.of(`${accountOf(credentials)} ${region}`)
    const client = connect({ clock, credentials, wish: { region }, budget, metrics })
    return { client, lookups: createLookups({ clock, client }), finders: new Map() }
  }
  const touch = (key: string, account: Account) => {
    accounts.delete(key)
    accounts.set(key, account)
    const [oldest] = accounts
    if (accounts.size <= mostAccounts || oldest === undefined) return
    accounts.delete(oldest[0])
    oldest[1].client[Symbol.dispose]()
  }
  return {
    of: (secret: ClassSettings['secret'], { region, owned }: OpenStackProviderSpec) => {
      const { userData: _, ...connecting } = secret
      const key = JSON.stringify([region, Object.entries(connecting).sort()])
      const account = accounts.get(key) ?? open(secret, region)
      touch(key, account)
      const marks = marksFilter(owned)
      const finder = account.finders.get(marks) ?? createServerFinder({ clock, client: account.client, owned })
      account.finders.set(marks, finder)
      return { ...account, finder }
    },
    [Symbol.dispose]: () => {
      for (const { client } of accounts.values()) client[Symbol.dispose]()
      accounts.clear()
    },
  }
}
