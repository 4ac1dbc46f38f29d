import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { budgetKey, createOpenStackBudgets } from '@trellis/cloudprovider/openstack/budgets'
import { type ConnectOptions, connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { parseCredentials } from '@trellis/cloudprovider/openstack/credentials'
import type { Flow } from '@trellis/flow/define-flow'
import type { Journal, JournalEvent } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest, PlannedChange } from '../engine.ts'
import { parseConfiguration } from './configuration.ts'
import { createMemory, type InfrastructureClient, type InfrastructureContext, markOf } from './context.ts'
import { applyFlow, destroyFlow, infrastructureTasks } from './flow.ts'
import { idOf } from './task.ts'

/** What the engine works with. */
export interface OpenStackInfrastructureOptions {
  readonly clock: Clock
  readonly random: Random
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
  /** How accounts are reached; over HTTP unless told. */
  readonly connect?: (options: ConnectOptions) => InfrastructureClient
}

/**
 * Infrastructure of shoots at OpenStack: router with a gateway, network, subnet, security group, key pair. Outputs are `router`, `network`, `subnet`, `securityGroup`,
 * `keyName`, `floatingNetwork` as ids (the key by name), and `securityGroupName`.
 */
export function createOpenStackInfrastructure(options: OpenStackInfrastructureOptions): InfrastructureEngine {
  const { clock, random, connect = connectOpenStack, budgets = createOpenStackBudgets({ clock }) } = options
  const within = async <Value>(
    request: InfrastructureRequest,
    work: (context: InfrastructureContext) => Promise<Value>,
  ): Promise<Value> => {
    const { technicalId, region, networks, configuration, secret, signal, note } = request
    const credentials = parseCredentials(secret)
    const parsed = parseConfiguration(configuration, networks.nodes)
    const budget = budgets.of(budgetKey(credentials, region))
    using client = connect({ clock, credentials, wish: { region }, budget })
    return await work({
      clock,
      random,
      client,
      configuration: parsed,
      name: technicalId,
      mark: markOf(technicalId),
      pods: networks.pods,
      note,
      call: { signal },
      memory: createMemory(request),
    })
  }
  const run = async (flow: Flow<InfrastructureContext>, context: InfrastructureContext) => {
    const { signal } = context.call
    const services = context
    const ports = { clock, random, journal: createForgetfulJournal(), run: flow.name, services }
    const { errors } = await runFlow(flow, signal === undefined ? ports : { ...ports, signal })
    signal?.throwIfAborted()
    const [first] = errors
    if (first !== undefined) throw first.error
  }
  return {
    apply: (request) =>
      within(request, async (context) => {
        await run(applyFlow, context)
        return outputsOf(context)
      }),
    plan: (request) =>
      within(request, async (context): Promise<readonly PlannedChange[]> => {
        const changes: PlannedChange[] = []
        for (const task of infrastructureTasks) changes.push(...(await task.plan(context)))
        return changes
      }),
    destroy: (request) => within(request, (context) => run(destroyFlow, context)),
  }
}

function outputsOf({ memory, name }: InfrastructureContext): InfrastructureOutputs {
  return {
    router: idOf(memory, 'router'),
    network: idOf(memory, 'network'),
    subnet: idOf(memory, 'subnet'),
    securityGroup: idOf(memory, 'security-group'),
    securityGroupName: name,
    keyName: idOf(memory, 'key-pair'),
    floatingNetwork: idOf(memory, 'external-network'),
  }
}

/** Nothing is resumed from a journal: what is there already is read off the cloud. */
function createForgetfulJournal(): Journal {
  const events: JournalEvent[] = []
  return { load: async () => events, append: async (event) => void events.push(event) }
}
