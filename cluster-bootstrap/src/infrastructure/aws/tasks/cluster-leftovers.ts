import { clusterTag, keyIn } from '../names.ts'
import type { Sort, Thing } from '../network-types.ts'
import { passOverAbsent, type World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'

/** What the cluster itself made and left: load balancers with what they send traffic to, their security groups and interfaces, volumes. Only destroying looks for it. */
export const clusterLeftovers: InfrastructureTask = {
  id: 'cluster-leftovers',
  dependsOn: ['vpc', 'security-group'],
  apply: async () => {},
  destroy: async (world) => {
    await removeBalancers(world)
    const filters = [{ Name: 'tag-key', Values: [clusterTag(world.request.technicalId)] }]
    for (const sort of ['network-interface', 'volume'] as const) {
      const found = await world.clients.network.find(sort, filters)
      await removeAll(
        world,
        sort,
        found.filter(({ free }) => free),
      )
    }
    await removeGroups(world)
  },
}

async function removeBalancers(world: World): Promise<void> {
  const { balancers } = world.clients
  const tag = clusterTag(world.request.technicalId)
  const vpcIds = new Set(world.survey.all('subnet').map(({ vpcId }) => vpcId))
  for (const vpcId of vpcIds) {
    const found = (await balancers.inVpc(vpcId)).filter(({ tags }) => tags[tag] !== undefined)
    for (const balancer of found) {
      const change = { action: 'delete', what: `load-balancer/${balancer.id}` } as const
      await world.change(change, () => balancers.remove(balancer).catch(passOverAbsent))
    }
    const targets = (await balancers.targetGroupsInVpc(vpcId)).filter(({ tags }) => tags[tag] !== undefined)
    for (const { id } of targets) {
      const change = { action: 'delete', what: `target-group/${id}` } as const
      await world.change(change, () => balancers.removeTargetGroup(id).catch(passOverAbsent))
    }
  }
}

/** Groups of load balancers; the machines' own is none of them. Rules of others that name them go first. */
async function removeGroups(world: World): Promise<void> {
  const groups = world.survey.all('security-group')
  const doomed = groups.filter(({ tags }) => keyIn(world.request.technicalId, tags.Name) === undefined)
  const ids = new Set(doomed.map(({ id }) => id))
  for (const group of groups) {
    const rules = group.rules.filter((rule) => rule.direction === 'in' && ids.has(rule.peer))
    if (rules.length === 0) continue
    const change = { action: 'delete', what: `security-group/${group.id}`, field: 'rules' } as const
    await world.change(change, () => world.clients.network.forbid(group.id, 'in', rules).catch(passOverAbsent))
  }
  await removeAll(world, 'security-group', doomed)
}

async function removeAll(world: World, sort: Sort, things: readonly Thing[]): Promise<void> {
  for (const { id } of things) {
    await world.change({ action: 'delete', what: `${sort}/${id}` }, () =>
      world.clients.network.remove(sort, id).catch(passOverAbsent),
    )
  }
}
