import { keys } from '../names.ts'
import { passOverAbsent, type World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'

/** The route table of public subnets, out of which everything goes to the internet gateway. */
export const publicRoutes: InfrastructureTask = {
  id: 'public-routes',
  dependsOn: ['vpc'],
  apply: async (world) => {
    await world.ensure(keys.table, { sort: 'route-table', vpcId: world.idOf(keys.vpc) })
    await leadOut(world, keys.table, world.idOf(keys.gateway))
  },
  destroy: (world) => removeTable(world, keys.table),
}

/** Lets everything without a nearer way go to this gateway. */
export async function leadOut(world: World, key: string, target: string): Promise<void> {
  const found = world.found('route-table', key)
  if (found?.defaultTarget === target) return
  await world.change({ action: 'update', what: key, field: 'defaultRoute' }, () =>
    world.clients.network.setDefaultRoute(world.idOf(key), target, found?.hasDefault ?? false),
  )
}

/** Lets packets from a subnet follow a table; one that it followed before is left. */
export async function follow(world: World, key: string, subnetKey: string): Promise<void> {
  const { network } = world.clients
  const subnetId = world.idOf(subnetKey)
  if (world.found('route-table', key)?.associations.has(subnetId)) return
  await world.change({ action: 'update', what: key, field: `association of ${subnetKey}` }, async () => {
    for (const other of world.survey.all('route-table')) {
      const association = other.associations.get(subnetId)
      if (association !== undefined) await network.disassociateTable(association).catch(passOverAbsent)
    }
    await network.associateTable(world.idOf(key), subnetId)
  })
}

/** Removes a table, and first lets go of the subnets that follow it. */
export async function removeTable(world: World, key: string): Promise<void> {
  await world.remove('route-table', key, async () => {
    const associations = world.survey.find('route-table', key)?.associations ?? new Map<string, string>()
    for (const id of associations.values()) await world.clients.network.disassociateTable(id).catch(passOverAbsent)
  })
}
