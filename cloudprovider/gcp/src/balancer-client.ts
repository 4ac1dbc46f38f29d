import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { isFailure } from '@trellis/foundation/failure'
import { awaitDone, bind, type Operation, type OperationScope, pages } from './client.ts'
import type { GoogleConnection } from './connection.ts'

/** What a firewall rule lets in. */
export interface Allowed {
  readonly IPProtocol: string
  readonly ports: readonly string[]
}

/** A firewall rule. */
export interface Firewall {
  readonly name: string
  /** Address of the network. */
  readonly network: string
  readonly description?: string
  readonly targetTags: readonly string[]
  readonly allowed: readonly Allowed[]
}

/** What sends the traffic of some ports of an address to a pool. */
export interface ForwardingRule {
  readonly name: string
  readonly IPProtocol: string
  /** As in `80-80`. */
  readonly portRange: string
  /** Address of the pool. */
  readonly target: string
}

/** Servers that take traffic. */
export interface TargetPool {
  readonly name: string
  /** Addresses of servers. */
  readonly instances: readonly string[]
}

/** The calls about load balancers in one region. What changes something resolves once the cloud is done with it; removing what is not there is success. */
export interface BalancerClient {
  readonly project: string
  listFirewalls(call?: CallOptions): Promise<readonly Firewall[]>
  insertFirewall(rule: Firewall & { readonly sourceRanges: readonly string[] }, call?: CallOptions): Promise<void>
  patchFirewall(name: string, change: Pick<Firewall, 'allowed'>, call?: CallOptions): Promise<void>
  deleteFirewall(name: string, call?: CallOptions): Promise<void>
  /** The address of that name; undefined when there is none. */
  findAddress(name: string, call?: CallOptions): Promise<string | undefined>
  insertAddress(name: string, call?: CallOptions): Promise<void>
  deleteAddress(name: string, call?: CallOptions): Promise<void>
  findPool(name: string, call?: CallOptions): Promise<TargetPool | undefined>
  insertPool(pool: TargetPool, call?: CallOptions): Promise<void>
  changePool(
    name: string,
    change: 'AddInstance' | 'RemoveInstance',
    instances: readonly string[],
    call?: CallOptions,
  ): Promise<void>
  deletePool(name: string, call?: CallOptions): Promise<void>
  /** All of the region that lead to pools. */
  listRules(call?: CallOptions): Promise<readonly ForwardingRule[]>
  insertRule(rule: ForwardingRule & { readonly IPAddress: string }, call?: CallOptions): Promise<void>
  deleteRule(name: string, call?: CallOptions): Promise<void>
}

const firewallFields = 'nextPageToken,items(name,network,description,targetTags,allowed)'
const ruleFields = 'nextPageToken,items(name,IPProtocol,portRange,target)'

/** The calls over a connection. */
export function createBalancerClient(connection: GoogleConnection, region: string): BalancerClient {
  const regionally: OperationScope = { service: 'RegionOperations', region }
  const finish = async (scope: OperationScope, work: Promise<unknown>, call?: CallOptions) =>
    awaitDone(connection, scope, ((await work) as Operation).name, call)
  const scoped = { connection, region, regionally, finish }
  return {
    project: connection.project,
    ...firewallCalls(scoped),
    ...addressCalls(scoped),
    ...poolCalls(scoped),
    ...ruleCalls(scoped),
  }
}

interface Scoped {
  readonly connection: GoogleConnection
  readonly region: string
  readonly regionally: OperationScope
  readonly finish: (scope: OperationScope, work: Promise<unknown>, call?: CallOptions) => Promise<void>
}

function firewallCalls({
  connection,
  finish,
}: Scoped): Pick<BalancerClient, 'listFirewalls' | 'insertFirewall' | 'patchFirewall' | 'deleteFirewall'> {
  const firewalls = bind(connection, 'Firewalls')
  const globally: OperationScope = { service: 'GlobalOperations' }
  return {
    listFirewalls: (call) => pages<Firewall>(connection, 'Firewalls', {}, { ...call, fields: firewallFields }),
    insertFirewall: (firewallResource, call) => finish(globally, firewalls('Insert', { firewallResource }, call), call),
    patchFirewall: (firewall, firewallResource, call) =>
      finish(globally, firewalls('Patch', { firewall, firewallResource }, call), call),
    deleteFirewall: (firewall, call) => unlessGone(finish(globally, firewalls('Delete', { firewall }, call), call)),
  }
}

function addressCalls({
  connection,
  region,
  regionally,
  finish,
}: Scoped): Pick<BalancerClient, 'findAddress' | 'insertAddress' | 'deleteAddress'> {
  const addresses = bind(connection, 'Addresses')
  return {
    findAddress: async (address, call) => {
      const found = await ifThere(addresses('Get', { region, address }, call))
      return (found as { readonly address?: string } | undefined)?.address
    },
    insertAddress: (name, call) =>
      finish(regionally, addresses('Insert', { region, addressResource: { name } }, call), call),
    deleteAddress: (address, call) =>
      unlessGone(finish(regionally, addresses('Delete', { region, address }, call), call)),
  }
}

function poolCalls({
  connection,
  region,
  regionally,
  finish,
}: Scoped): Pick<BalancerClient, 'findPool' | 'insertPool' | 'changePool' | 'deletePool'> {
  const pools = bind(connection, 'TargetPools')
  return {
    findPool: async (targetPool, call) =>
      (await ifThere(pools('Get', { region, targetPool }, call))) as TargetPool | undefined,
    insertPool: (targetPoolResource, call) =>
      finish(regionally, pools('Insert', { region, targetPoolResource }, call), call),
    changePool: (targetPool, change, links, call) => {
      const instances = links.map((instance) => ({ instance }))
      const request = { region, targetPool, [`targetPools${change}RequestResource`]: { instances } }
      return finish(regionally, pools(change, request, call), call)
    },
    deletePool: (targetPool, call) =>
      unlessGone(finish(regionally, pools('Delete', { region, targetPool }, call), call)),
  }
}

function ruleCalls({
  connection,
  region,
  regionally,
  finish,
}: Scoped): Pick<BalancerClient, 'listRules' | 'insertRule' | 'deleteRule'> {
  const rules = bind(connection, 'ForwardingRules')
  return {
    listRules: async (call) => {
      const found = await pages<ForwardingRule>(
        connection,
        'ForwardingRules',
        { region },
        { ...call, fields: ruleFields },
      )
      return found.filter(({ target = '' }) => target.includes('/targetPools/'))
    },
    insertRule: (forwardingRuleResource, call) =>
      finish(regionally, rules('Insert', { region, forwardingRuleResource }, call), call),
    deleteRule: (forwardingRule, call) =>
      unlessGone(finish(regionally, rules('Delete', { region, forwardingRule }, call), call)),
  }
}

async function ifThere(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}

async function unlessGone(work: Promise<void>): Promise<void> {
  await ifThere(work)
}
