import type { PlannedChange } from '../../engine.ts'
import type { InfrastructureContext } from '../context.ts'
import { removeUnused } from '../named.ts'
import { type InfrastructureTask, idOf } from '../task.ts'
import { findRouter } from './router.ts'
import { findSubnetId } from './subnet.ts'

/** Joins the subnet to the router. It has no id of its own: whether it is there is read off the router's ports. */
export const routerInterface: InfrastructureTask = {
  what: 'router-interface',
  dependsOn: ['router', 'subnet'],
  apply: async (context) => {
    const { client, memory, call } = context
    const [router, subnet] = [idOf(memory, 'router'), idOf(memory, 'subnet')]
    if (await isJoined(context, router, subnet)) return
    await client.addRouterInterface(router, subnet, call)
  },
  plan: async (context): Promise<readonly PlannedChange[]> => {
    const [router, subnet] = await Promise.all([findRouter(context), findSubnetId(context)])
    const joined = router !== undefined && subnet !== undefined && (await isJoined(context, router.id, subnet))
    return joined ? [] : [{ action: 'create', what: 'router-interface' }]
  },
  destroy: async (context) => {
    const { client, configuration, call } = context
    // The user brought both: how they are joined is the user's affair.
    if (configuration.routerId !== undefined && configuration.subnetId !== undefined) return
    const [router, subnet] = await Promise.all([findRouter(context), findSubnetId(context)])
    if (router === undefined || subnet === undefined || !(await isJoined(context, router.id, subnet))) return
    await removeUnused(() => client.removeRouterInterface(router.id, subnet, call))
  },
}

async function isJoined({ client, call }: InfrastructureContext, router: string, subnet: string): Promise<boolean> {
  const ports = await client.ports.list({ device_id: router }, call)
  return ports.some(({ fixed_ips }) => fixed_ips.some(({ subnet_id }) => subnet_id === subnet))
}
