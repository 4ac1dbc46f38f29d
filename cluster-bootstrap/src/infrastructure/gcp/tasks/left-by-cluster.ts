import type { Thing } from '../client.ts'
import type { GoogleInfrastructure } from '../configuration.ts'
import type { Scene } from '../scene.ts'
import { networkOf } from './keep.ts'

/** What a cluster's cloud controller calls the firewall rule of a load balancer: the rest is the name of its other parts. */
const balancerRule = /^k8s-fw-(.+)$/

/** What it writes on the routes to its nodes. */
const nodeRoute = 'k8s-node-route'

/** What is needed to tell what is the cluster's, whichever engine made its infrastructure. */
export interface LeftoversScene extends Pick<Scene, 'client' | 'names' | 'request'> {
  readonly wanted: Pick<GoogleInfrastructure, 'given'>
}

/**
 * Takes down what the cluster's own cloud controller made and nobody told it to remove: load balancers, firewall rules, routes. Everything in a network of the shoot's own is its; in a
 * network that it shares, only what names its machines.
 */
export async function removeLeftByCluster(scene: LeftoversScene): Promise<void> {
  const { client, request } = scene
  const [rules, forwardings, pools, routes] = await Promise.all([
    client.list('Firewalls'),
    client.list('ForwardingRules'),
    client.list('TargetPools'),
    client.list('Routes'),
  ])
  const ownRules = rules.filter((rule) => isOwnRule(scene, rule))
  const balancers = new Set([
    ...ownRules.flatMap(({ name }) => balancerRule.exec(name)?.[1] ?? []),
    ...pools.filter((pool) => isOwnPool(scene, pool)).map(({ name }) => name),
  ])
  for (const name of balancers) {
    request.note(`taking down the load balancer ${name}`)
    const forwarding = forwardings.filter((one) => one.name === name || lastPart(String(one.target ?? '')) === name)
    for (const one of forwarding) await client.remove('ForwardingRules', one.name)
    await client.remove('TargetPools', name)
    await client.remove('Addresses', name)
  }
  for (const { name } of ownRules) await client.remove('Firewalls', name)
  for (const { name } of routes.filter((route) => isOwnRoute(scene, route))) await client.remove('Routes', name)
}

function isInNetwork(scene: LeftoversScene, { network }: Thing): boolean {
  return String(network).endsWith(`/global/networks/${networkOf(scene)}`)
}

/** The tasks take their own rules down themselves. */
function isOwnRule(scene: LeftoversScene, rule: Thing): boolean {
  const { names, wanted } = scene
  if (!isInNetwork(scene, rule)) return false
  if ([names.firewallInternal, names.firewallExternal, names.firewallHealth].includes(rule.name)) return false
  return wanted.given.network === undefined || listOf(rule.targetTags).includes(names.tag)
}

/** Pools belong to no network: their servers tell, which are named after the shoot. */
function isOwnPool({ request, client }: LeftoversScene, { instances }: Thing): boolean {
  const own = `/${client.project}/`
  return listOf(instances).some((link) => link.includes(own) && lastPart(link).startsWith(`${request.technicalId}-`))
}

function isOwnRoute(scene: LeftoversScene, route: Thing): boolean {
  const { wanted, request } = scene
  const nextHop = String(route.nextHopInstance ?? '')
  if (!isInNetwork(scene, route) || nextHop === '') return false
  if (wanted.given.network === undefined) return true
  return route.description === nodeRoute && lastPart(nextHop).startsWith(`${request.technicalId}-`)
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function lastPart(link: string): string {
  return link.slice(link.lastIndexOf('/') + 1)
}
