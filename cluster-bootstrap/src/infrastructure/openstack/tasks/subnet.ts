import type { Subnet } from '@trellis/cloudprovider/openstack/resources'
import { Failure } from '@trellis/foundation/failure'
import type { PlannedChange } from '../../engine.ts'
import { root } from '../configuration.ts'
import type { InfrastructureContext } from '../context.ts'
import { ensureOwn, findGiven, findOwn, removeOwn, type Sort } from '../named.ts'
import { type InfrastructureTask, idOf } from '../task.ts'

/** The range of nodes in their network. */
export const subnet: InfrastructureTask = {
  what: 'subnet',
  dependsOn: ['network'],
  apply: async (context) => {
    const { client, configuration, memory, call } = context
    if (configuration.subnetId !== undefined) return takeGiven(context, configuration.subnetId)
    const own = await ensureOwn(context, sortOf(context), {
      network_id: idOf(memory, 'network'),
      cidr: configuration.workers,
      ip_version: 4,
      enable_dhcp: true,
      ...(configuration.dnsServers.length === 0 ? {} : { dns_nameservers: configuration.dnsServers }),
    })
    if (own.cidr !== configuration.workers) throw moved(own, configuration.workers)
    if (asksTheSame(own, configuration.dnsServers)) return
    await client.subnets.update(own.id, { dns_nameservers: configuration.dnsServers }, call)
  },
  plan: async (context): Promise<readonly PlannedChange[]> => {
    const { workers, dnsServers, subnetId } = context.configuration
    if (subnetId !== undefined) return []
    const own = await findOwn(context, sortOf(context))
    if (own === undefined) return [{ action: 'create', what: 'subnet' }]
    if (own.cidr !== workers) return [{ action: 'replace', what: 'subnet', field: 'cidr' }]
    return asksTheSame(own, dnsServers) ? [] : [{ action: 'update', what: 'subnet', field: 'dns_nameservers' }]
  },
  destroy: async (context) => {
    const { configuration, memory } = context
    if (configuration.subnetId !== undefined) return memory.remember('subnet', undefined)
    await removeOwn(context, sortOf(context))
  },
}

/** The subnet of a cluster, its own or the user's, by id; undefined when there is none (any more). */
export async function findSubnetId(context: InfrastructureContext): Promise<string | undefined> {
  return context.configuration.subnetId ?? (await findOwn(context, sortOf(context)))?.id
}

async function takeGiven(context: InfrastructureContext, id: string): Promise<void> {
  const { client, configuration, memory } = context
  const given = await findGiven(context, client.subnets, id, 'networks.subnetId')
  if (given.network_id !== configuration.networkId) {
    throw new Failure('Invalid', `the subnet ${id} is not in the network ${configuration.networkId}`, {
      field: `${root}.networks.subnetId`,
    })
  }
  await memory.remember('subnet', given.id)
}

function sortOf({ client }: InfrastructureContext): Sort<Subnet> {
  return { what: 'subnet', collection: client.subnets }
}

/** No wish is no difference: the cloud may have filled in its own. */
function asksTheSame({ dns_nameservers: present }: Subnet, wanted: readonly string[]): boolean {
  return wanted.length === 0 || (present.length === wanted.length && wanted.every((one, at) => present[at] === one))
}

function moved({ cidr }: Subnet, workers: string): Failure {
  return new Failure('Invalid', `the range of nodes is ${cidr} and cannot become ${workers}`, {
    field: `${root}.networks.workers`,
    remedy: 'a cluster with another range is another Shoot',
  })
}
