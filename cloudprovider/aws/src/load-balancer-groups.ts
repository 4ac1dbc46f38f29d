import { isFailure } from '@trellis/foundation/failure'
import { differences, loadBalancerTag, type WantedListener } from './load-balancer-plan.ts'
import { ownedBy } from './node-servers.ts'
import type { IngressRule, SecurityGroup, SecurityGroupClient } from './security-groups.ts'
import type { Tags } from './server-tags.ts'

/** What security groups are made with. */
export interface GroupOptions {
  readonly groups: SecurityGroupClient
  readonly clusterName: string
}

/** The security group that a load balancer is to have. */
export interface GroupRequest {
  readonly name: string
  readonly vpcId: string
  readonly tags: Tags
  readonly listeners: readonly WantedListener[]
}

/** Who may come to a load balancer's ports. */
const everybody = '0.0.0.0/0'

/**
 * Lets everybody come to the ports of a load balancer, and lets what comes through it pass on to the nodes. The id of its group.
 * The nodes' groups get one rule for each load balancer, since EC2 allows few: packets bear its group only when they come through one of its listeners, or to check whether nodes are well.
 */
export async function loadBalancerGroups(
  options: GroupOptions,
  request: GroupRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { groups, clusterName } = options
  const all = await groups.findGroups([ownedBy(clusterName)], signal)
  const own = all.find(({ tags }) => tags[loadBalancerTag] === request.tags[loadBalancerTag])
  const id = own?.id ?? (await createGroup(groups, request, signal))
  await bringRules(groups, { id, present: own?.rules ?? [], wanted: entranceRules(request.listeners) }, signal)
  for (const group of nodeGroups(all).filter(({ vpcId }) => vpcId === request.vpcId)) {
    const present = group.rules.filter(({ peer }) => peer === id)
    await bringRules(groups, { id: group.id, present, wanted: [{ protocol: '-1', port: -1, peer: id }] }, signal)
  }
  return id
}

/** Takes the group of a load balancer away, and the rules of others that name it. `Conflict` while AWS still uses it: minutes, after its load balancer went. */
export async function removeGroup(
  { groups, clusterName }: GroupOptions,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const all = await groups.findGroups([ownedBy(clusterName)], signal)
  for (const { id } of all.filter(({ tags }) => tags[loadBalancerTag] === name)) {
    for (const group of nodeGroups(all)) {
      const stale = group.rules.filter(({ peer }) => peer === id)
      await bringRules(groups, { id: group.id, present: stale, wanted: [] }, signal)
    }
    await groups.deleteGroup(id, signal).catch((error: unknown) => {
      if (!isFailure(error, 'NotFound')) throw error
    })
  }
}

/** Groups that the machines are in: all of the cluster that belong to no load balancer. */
function nodeGroups(groups: readonly SecurityGroup[]): readonly SecurityGroup[] {
  return groups.filter(({ tags }) => tags[loadBalancerTag] === undefined)
}

function createGroup(
  groups: SecurityGroupClient,
  { name, vpcId, tags }: GroupRequest,
  signal: AbortSignal | undefined,
): Promise<string> {
  return groups.createGroup({ vpcId, name, description: 'a load balancer of the cluster', tags }, signal)
}

function entranceRules(listeners: readonly WantedListener[]): readonly IngressRule[] {
  return listeners.flatMap(({ protocol, port }) => {
    const protocols =
      protocol === 'TCP_UDP' ? (['tcp', 'udp'] as const) : ([protocol === 'UDP' ? 'udp' : 'tcp'] as const)
    return protocols.map((one): IngressRule => ({ protocol: one, port, peer: everybody }))
  })
}

interface RuleChange {
  readonly id: string
  readonly present: readonly IngressRule[]
  readonly wanted: readonly IngressRule[]
}

async function bringRules(
  groups: SecurityGroupClient,
  { id, present, wanted }: RuleChange,
  signal: AbortSignal | undefined,
): Promise<void> {
  const key = ({ protocol, port, peer }: IngressRule) => `${protocol} ${port} ${peer}`
  const { missing, stale } = differences(wanted, present, { wanted: key, present: key })
  if (missing.length > 0) {
    await groups.allow(id, missing, signal).catch((error: unknown) => {
      // Somebody was faster.
      if (!isFailure(error, 'Conflict')) throw error
    })
  }
  if (stale.length > 0) {
    await groups.forbid(id, stale, signal).catch((error: unknown) => {
      if (!isFailure(error, 'NotFound')) throw error
    })
  }
}
