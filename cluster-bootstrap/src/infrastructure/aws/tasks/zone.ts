import { Failure } from '@trellis/foundation/failure'
import { type SubnetUse, subnetUses, type ZoneConfig } from '../configuration.ts'
import { keys, zoneKeys } from '../names.ts'
import type { World } from '../world.ts'
import { follow, leadOut, removeTable } from './routes.ts'
import type { InfrastructureTask } from './task.ts'

/** How often EC2 is asked how a NAT gateway stands, and for how long. */
const askAgainMilliseconds = 2000
const natLimitMilliseconds = 600_000

/** What one zone has: subnets of machines and load balancers, and a way out for machines. */
export function zoneTask(zone: string): InfrastructureTask {
  return {
    id: `zone-${zone}`,
    dependsOn: ['vpc', 'public-routes', 'security-group'],
    apply: async (world, { networks: { zones } }) => {
      const index = zones.findIndex(({ name }) => name === zone)
      const wanted = zones[index]
      if (wanted !== undefined) await applyZone(world, wanted, index)
    },
    destroy: (world) => destroyZone(world, zone),
  }
}

async function applyZone(world: World, wanted: ZoneConfig, index: number): Promise<void> {
  const names = zoneKeys(wanted.name)
  for (const use of subnetUses) await ensureSubnet(world, wanted, { use, index })
  await follow(world, keys.table, names.subnet('public'))
  const allocationId = wanted.elasticIPAllocationID ?? (await world.ensure(names.address, { sort: 'elastic-ip' }))
  const subnetId = world.idOf(names.subnet('public'))
  const natId = await world.ensure(names.nat, { sort: 'natgateway', subnetId, allocationId })
  await world.ensure(names.table, { sort: 'route-table', vpcId: world.idOf(keys.vpc) })
  for (const use of ['workers', 'internal'] as const) await follow(world, names.table, names.subnet(use))
  await untilAvailable(world, names.nat, natId)
  await leadOut(world, names.table, natId)
}

async function ensureSubnet(
  world: World,
  wanted: ZoneConfig,
  { use, index }: { readonly use: SubnetUse; readonly index: number },
): Promise<void> {
  const key = zoneKeys(wanted.name).subnet(use)
  const wish = { sort: 'subnet', vpcId: world.idOf(keys.vpc), cidr: wanted[use], zone: wanted.name } as const
  await world.ensure(key, wish)
  const found = world.found('subnet', key)
  if (found === undefined || found.cidr === wanted[use]) return
  const failure = new Failure('Invalid', `the subnet ${found.id} has the range ${found.cidr}, which cannot change`, {
    field: `spec.provider.infrastructureConfig.networks.zones[${index}].${use}`,
  })
  world.refuse({ action: 'replace', what: key, field: 'cidr' }, failure)
}

/** Waits while EC2 builds the gateway, which takes minutes. */
async function untilAvailable(world: World, key: string, id: string): Promise<void> {
  if (id.startsWith('planned:') || world.found('natgateway', key)?.state === 'available') return
  const { clock, clients, request } = world
  const end = clock.now() + natLimitMilliseconds
  for (;;) {
    const [gateway] = await clients.network.find('natgateway', [{ Name: 'nat-gateway-id', Values: [id] }])
    if (gateway?.state === 'available') return
    if (gateway?.state === 'failed' || clock.now() > end) {
      await world.record(key, undefined)
      throw new Failure(
        'Unavailable',
        `the NAT gateway ${id} cannot be had: ${gateway?.failure ?? 'it takes too long'}`,
      )
    }
    request.note(`waiting for the NAT gateway ${id}`)
    await clock.sleep(askAgainMilliseconds, request.signal)
  }
}

/** Takes down what a zone has, also when it is wanted no longer. */
export async function destroyZone(world: World, zone: string): Promise<void> {
  const names = zoneKeys(zone)
  const nat = world.survey.find('natgateway', names.nat)
  await world.remove('natgateway', names.nat)
  // Without it EC2 keeps the address and the subnet.
  if (nat !== undefined) await world.change({ action: 'delete', what: names.nat }, () => untilGone(world, nat.id))
  await world.remove('elastic-ip', names.address)
  await removeTable(world, names.table)
  const associations = world.survey.find('route-table', keys.table)?.associations
  for (const use of subnetUses) {
    await world.remove('subnet', names.subnet(use), async ({ id }) => {
      const association = associations?.get(id)
      if (association !== undefined) await dropAssociation(world, association)
    })
  }
}

async function dropAssociation(world: World, association: string): Promise<void> {
  try {
    await world.clients.network.disassociateTable(association)
  } catch (error) {
    if (!(error instanceof Failure && error.kind === 'NotFound')) throw error
  }
}

async function untilGone({ clock, clients, request }: World, id: string): Promise<void> {
  const end = clock.now() + natLimitMilliseconds
  for (;;) {
    const [gateway] = await clients.network.find('natgateway', [{ Name: 'nat-gateway-id', Values: [id] }])
    if (gateway === undefined || gateway.state === 'deleted') return
    if (clock.now() > end) throw new Failure('Unavailable', `the NAT gateway ${id} does not go`)
    request.note(`waiting for the NAT gateway ${id} to go`)
    await clock.sleep(askAgainMilliseconds, request.signal)
  }
}
