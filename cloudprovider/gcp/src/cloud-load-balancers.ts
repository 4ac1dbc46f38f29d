import { isDeepStrictEqual } from 'node:util'
import type {
  CloudLoadBalancers,
  EnsuredLoadBalancer,
  LoadBalancerListener,
  LoadBalancerRequest,
} from '@trellis/cloudprovider/contract/cloud-network'
import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import type { Allowed, BalancerClient, Firewall } from './balancer-client.ts'
import type { Instance } from './client.ts'
import { lastPart } from './find-servers.ts'
import { googleTagSyntax } from './ownership.ts'

/** What load balancers are made with. */
export interface GoogleLoadBalancersOptions {
  readonly client: BalancerClient
  /** All servers of the cluster. */
  readonly servers: (call?: CallOptions) => Promise<readonly Instance[]>
  readonly clusterName: string
  readonly network: string
  readonly region: string
}

/** Beginning of the names of firewall rules of load balancers, as Kubernetes' own controller for Google's cloud has it. */
const rulePrefix = 'k8s-fw-'
const serviceKey = 'kubernetes.io/service-name'
const everybody = '0.0.0.0/0'

/**
 * External passthrough load balancers: an address of its own, a target pool, and a forwarding rule for each port. Packets reach nodes as they came, to the address and the port of the Service, where kube-proxy takes
 * them: node ports are not used. Each has a firewall rule, the first of its parts to come and the last to go, which therefore stands for it in lists.
 */
export function createGoogleLoadBalancers(options: GoogleLoadBalancersOptions): CloudLoadBalancers {
  const { client } = options
  return {
    ensureLoadBalancer: async (request, call) => {
      call?.signal?.throwIfAborted()
      if (request.internal) {
        throw new Failure(
          'Unimplemented',
          `the Service ${request.service} cannot have an internal load balancer at GCP`,
          {
            remedy: 'take the annotation off the Service',
          },
        )
      }
      return ensureLoadBalancer(options, request, call)
    },
    listLoadBalancers: async (call) =>
      (await client.listFirewalls(call))
        .filter((rule) => isOwn(options, rule))
        .map(({ name, description = '' }) => ({
          name: name.slice(rulePrefix.length),
          service: serviceIn(description),
        })),
    deleteLoadBalancer: async (name, call) => {
      for (const rule of await rulesOf(options, name, call)) await client.deleteRule(rule.name, call)
      await client.deletePool(name, call)
      await client.deleteAddress(name, call)
      await client.deleteFirewall(`${rulePrefix}${name}`, call)
    },
  }
}

function tagOf({ clusterName }: GoogleLoadBalancersOptions): string {
  return `${googleTagSyntax.clusterPrefix}${clusterName}`
}

function isOwn(options: GoogleLoadBalancersOptions, { name, network, targetTags }: Firewall): boolean {
  return name.startsWith(rulePrefix) && lastPart(network) === options.network && targetTags.includes(tagOf(options))
}

/** The key of the Service in the description of a firewall rule; empty when somebody wrote something else there. */
function serviceIn(description: string): string {
  try {
    const told: unknown = JSON.parse(description)
    const service = typeof told === 'object' && told !== null ? (told as Record<string, unknown>)[serviceKey] : ''
    return typeof service === 'string' ? service : ''
  } catch {
    return ''
  }
}

async function ensureLoadBalancer(
  options: GoogleLoadBalancersOptions,
  request: LoadBalancerRequest,
  call: CallOptions | undefined,
): Promise<EnsuredLoadBalancer> {
  await ensureFirewall(options, request, call)
  const address = await ensureAddress(options, request.name, call)
  const servers = request.nodes.length === 0 ? [] : await options.servers(call)
  const known = servers.filter(({ name }) => request.nodes.includes(name))
  await ensurePool(options, request.name, known, call)
  await ensureRules(options, request, address, call)
  const names = new Set(known.map(({ name }) => name))
  return { address, unknownNodes: request.nodes.filter((node) => !names.has(node)) }
}

/** What the firewall has to let in, in one order. */
export function allowedOf(listeners: readonly LoadBalancerListener[]): readonly Allowed[] {
  const byProtocol = Map.groupBy(listeners, ({ protocol }) => protocol.toLowerCase())
  return [...byProtocol]
    .map(([IPProtocol, some]) => ({ IPProtocol, ports: some.map(({ port }) => String(port)).sort() }))
    .sort((left, right) => (left.IPProtocol < right.IPProtocol ? -1 : 1))
}

function inOrder(allowed: readonly Allowed[]): readonly Allowed[] {
  return allowed
    .map(({ IPProtocol, ports }) => ({ IPProtocol: IPProtocol.toLowerCase(), ports: [...ports].sort() }))
    .sort((left, right) => (left.IPProtocol < right.IPProtocol ? -1 : 1))
}

async function ensureFirewall(
  options: GoogleLoadBalancersOptions,
  { name, service, listeners }: LoadBalancerRequest,
  call: CallOptions | undefined,
): Promise<void> {
  const { client, network } = options
  const allowed = allowedOf(listeners)
  const ruleName = `${rulePrefix}${name}`
  const found = (await client.listFirewalls(call)).find((rule) => rule.name === ruleName)
  if (found !== undefined) {
    if (isDeepStrictEqual(inOrder(found.allowed), allowed)) return
    return client.patchFirewall(ruleName, { allowed }, call)
  }
  await client.insertFirewall(
    {
      name: ruleName,
      description: JSON.stringify({ [serviceKey]: service }),
      network: `projects/${client.project}/global/networks/${network}`,
      sourceRanges: [everybody],
      targetTags: [tagOf(options)],
      allowed,
    },
    call,
  )
}

async function ensureAddress(
  { client }: GoogleLoadBalancersOptions,
  name: string,
  call: CallOptions | undefined,
): Promise<string> {
  const found = await client.findAddress(name, call)
  if (found !== undefined) return found
  await client.insertAddress(name, call)
  const made = await client.findAddress(name, call)
  if (made === undefined) throw new Failure('Unavailable', `the address ${name} went as soon as it was made`)
  return made
}

async function ensurePool(
  { client }: GoogleLoadBalancersOptions,
  name: string,
  servers: readonly Instance[],
  call: CallOptions | undefined,
): Promise<void> {
  const wanted = servers.map((one) => `projects/${client.project}/zones/${lastPart(one.zone)}/instances/${one.name}`)
  const found = await client.findPool(name, call)
  if (found === undefined) return client.insertPool({ name, instances: wanted }, call)
  // Addresses of one server differ in their beginning alone.
  const missing = wanted.filter((link) => !found.instances.some((one) => one.endsWith(`/${link}`) || one === link))
  const stale = found.instances.filter((one) => !wanted.some((link) => one.endsWith(`/${link}`) || one === link))
  if (missing.length > 0) await client.changePool(name, 'AddInstance', missing, call)
  if (stale.length > 0) await client.changePool(name, 'RemoveInstance', stale, call)
}

async function rulesOf({ client }: GoogleLoadBalancersOptions, name: string, call: CallOptions | undefined) {
  return (await client.listRules(call)).filter(({ target }) => lastPart(target) === name)
}

async function ensureRules(
  options: GoogleLoadBalancersOptions,
  request: LoadBalancerRequest,
  IPAddress: string,
  call: CallOptions | undefined,
): Promise<void> {
  const { client, region } = options
  const target = `projects/${client.project}/regions/${region}/targetPools/${request.name}`
  const wanted = request.listeners.map(({ protocol, port }) => ({
    name: `${request.name}-${protocol.toLowerCase()}-${port}`,
    IPProtocol: protocol,
    portRange: `${port}-${port}`,
    target,
  }))
  const present = await rulesOf(options, request.name, call)
  for (const { name } of present.filter((rule) => !wanted.some((one) => one.name === rule.name))) {
    await client.deleteRule(name, call)
  }
  for (const rule of wanted.filter(({ name }) => !present.some((one) => one.name === name))) {
    await client.insertRule({ ...rule, IPAddress }, call)
  }
}
