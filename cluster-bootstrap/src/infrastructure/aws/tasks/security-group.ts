import type { InfrastructureConfig } from '../configuration.ts'
import { keys } from '../names.ts'
import type { Rule, SecurityGroup } from '../network-types.ts'
import type { World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'

/** Begins the descriptions of our rules, so that those of the cluster's own controllers can be told from them. */
const mark = 'trellis: '

/** Ports that Services of type NodePort and load balancers use on machines. */
const nodePorts = { fromPort: 30_000, toPort: 32_767 }

/** The security group of machines: all among themselves, ports of Services from the subnets of load balancers, everything out. */
export const securityGroup: InfrastructureTask = {
  id: 'security-group',
  dependsOn: ['vpc'],
  apply: async (world, config) => {
    const name = `${world.request.technicalId}-nodes`
    const id = await world.ensure(keys.group, { sort: 'security-group', vpcId: world.idOf(keys.vpc), name })
    const wanted = wantedRules(config, id)
    const present = world.found('security-group', keys.group)?.rules ?? [outToAll]
    const missing = wanted.filter((rule) => !present.some((one) => sameRule(one, rule)))
    const stale = present.filter(
      (rule) => rule.description.startsWith(mark) && !wanted.some((one) => sameRule(one, rule)),
    )
    await changeRules(world, id, { missing, stale })
  },
  destroy: async (world) => {
    await dropReferences(world)
    await world.remove('security-group', keys.group)
  },
}

/** EC2 gives every new group this rule. */
const outToAll: Rule = {
  direction: 'out',
  protocol: '-1',
  fromPort: -1,
  toPort: -1,
  peer: '0.0.0.0/0',
  description: '',
}

/** The rules that the group of this id must have. */
export function wantedRules({ networks: { zones } }: InfrastructureConfig, groupId: string): readonly Rule[] {
  const all = { protocol: '-1', fromPort: -1, toPort: -1 }
  const ranges = zones.flatMap((zone) => [
    { peer: zone.internal, description: `${mark}ports of services from internal load balancers in ${zone.name}` },
    { peer: zone.public, description: `${mark}ports of services from public load balancers in ${zone.name}` },
  ])
  return [
    { direction: 'in', ...all, peer: groupId, description: `${mark}machines among themselves` },
    ...ranges.flatMap((range) =>
      ['tcp', 'udp'].map((protocol): Rule => ({ direction: 'in', protocol, ...nodePorts, ...range })),
    ),
    outToAll,
  ]
}

/** Whether two rules let the same pass, whatever they are called. */
export function sameRule(left: Rule, right: Rule): boolean {
  return (['direction', 'protocol', 'fromPort', 'toPort', 'peer'] as const).every((key) => left[key] === right[key])
}

async function changeRules(
  world: World,
  id: string,
  { missing, stale }: { readonly missing: readonly Rule[]; readonly stale: readonly Rule[] },
): Promise<void> {
  const { network } = world.clients
  const change = { action: 'update', what: keys.group, field: 'rules' } as const
  for (const direction of ['in', 'out'] as const) {
    const added = missing.filter((rule) => rule.direction === direction)
    const removed = stale.filter((rule) => rule.direction === direction)
    if (removed.length > 0) await world.change(change, () => network.forbid(id, direction, removed))
    if (added.length > 0) await world.change(change, () => network.allow(id, direction, added))
  }
}

/** A group cannot go while rules of others, or its own, name it. */
async function dropReferences(world: World): Promise<void> {
  const doomed = world.survey.find('security-group', keys.group)
  if (doomed === undefined) return
  for (const group of world.survey.all('security-group')) await dropRulesOf(world, group, doomed.id)
}

async function dropRulesOf(world: World, group: SecurityGroup, doomedId: string): Promise<void> {
  for (const direction of ['in', 'out'] as const) {
    const rules = group.rules.filter((rule) => rule.direction === direction && rule.peer === doomedId)
    if (rules.length === 0) continue
    await world.change({ action: 'delete', what: keys.group, field: 'rules' }, () =>
      world.clients.network.forbid(group.id, direction, rules),
    )
  }
}
