import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import { isRefusal } from './failures.ts'
import type { Lookups } from './lookups.ts'
import { isLoose, marksTags, ownershipMarks } from './ownership.ts'
import type { OpenStackProviderSpec, ServerNetwork } from './provider-spec.ts'
import type { Port } from './resources.ts'

/** A network as Nova is told of it: by a port that is there, or by its id, and Nova makes the port. */
export type Attachment = { readonly port: string } | { readonly uuid: string }

/** What the ports of a server need. */
export interface PortContext {
  readonly client: OpenStackClient
  readonly lookups: Lookups
  readonly spec: OpenStackProviderSpec
  readonly call?: CallOptions
}

/** A server's attachments, and the ports that are there for them. */
export interface Attachments {
  readonly networks: readonly Attachment[]
  readonly ports: readonly Port[]
}

/**
 * Makes the ports that the server needs before it is made, or takes those of an earlier try: where addresses come from certain subnets, and where pods talk, since a port
 * of Nova's own lets no pod's address through, and can be opened only once the server has it. Others Nova makes.
 */
export async function attach(context: PortContext, machineName: string): Promise<Attachments> {
  const { client, lookups, spec, call } = context
  const wanted = await Promise.all(
    spec.networks.map(async (network) => ({ network, id: await lookups.network(network, call) })),
  )
  const made = wanted.some(({ network }) => isMadeFirst(network))
    ? (await findPorts(client, spec, machineName, call)).filter(isLoose)
    : []
  const attached: { network: Attachment; port?: Port }[] = []
  const fresh: Port[] = []
  try {
    for (const { network, id } of wanted) {
      if (!isMadeFirst(network)) {
        attached.push({ network: { uuid: id } })
        continue
      }
      const present = made.find((port) => port.network_id === id && !attached.some((one) => one.port?.id === port.id))
      const port = present ?? (await make(context, machineName, network, id))
      if (present === undefined) fresh.push(port)
      await refresh(context, port, network.pods)
      attached.push({ network: { port: port.id }, port })
    }
  } catch (error) {
    if (isRefusal(error)) await removePorts(client, fresh)
    throw error
  }
  return {
    networks: attached.map(({ network }) => network),
    ports: attached.flatMap(({ port }) => (port === undefined ? [] : [port])),
  }
}

/** Takes ports away whose server was refused. The refusal is what the caller is to hear of; a port that stays is found as a leftover later, or used by the next try. */
export async function removePorts(client: OpenStackClient, ports: readonly Port[]): Promise<void> {
  await Promise.allSettled(ports.map(({ id }) => client.ports.remove(id)))
}

/** Ports of a machine, by its name and our marks; also one that was made and not yet marked when a creation was cut short. */
export async function findPorts(
  client: OpenStackClient,
  { owned, networks }: Pick<OpenStackProviderSpec, 'owned' | 'networks'>,
  machineName: string,
  call?: CallOptions,
): Promise<readonly Port[]> {
  const ids = networks.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const cutShort = (port: Port) =>
    (port.tags ?? []).length === 0 && isLoose(port) && (ids.length === 0 || ids.includes(port.network_id))
  const ports = await client.ports.list({ name: machineName }, call)
  return ports.filter((port) => port.name === machineName && (marksTags(port.tags, owned) || cutShort(port)))
}

/** Brings a port's security groups and the ranges it lets through up to the class, in one call, if they differ. */
export async function refresh({ client, lookups, spec, call }: PortContext, port: Port, pods: boolean): Promise<void> {
  const groups = await lookups.securityGroups(spec.securityGroups, call)
  const fields = {
    ...(groups.length === 0 || sameSet(groups, port.security_groups) ? {} : { security_groups: groups }),
    ...(!pods ||
    sameSet(
      spec.podNetworks,
      port.allowed_address_pairs.map(({ ip_address }) => ip_address),
    )
      ? {}
      : { allowed_address_pairs: pairsOf(spec) }),
  }
  if (Object.keys(fields).length > 0) await client.ports.update(port.id, fields, call)
  await mark(client, spec, port, call)
}

function isMadeFirst({ pods, subnets }: ServerNetwork): boolean {
  return pods || subnets.length > 0
}

async function make(
  { client, lookups, spec, call }: PortContext,
  machineName: string,
  { subnets, pods, field }: ServerNetwork,
  network: string,
): Promise<Port> {
  const groups = await lookups.securityGroups(spec.securityGroups, call)
  const fields = {
    name: machineName,
    network_id: network,
    ...(subnets.length === 0 ? {} : { fixed_ips: subnets.map((subnet) => ({ subnet_id: subnet })) }),
    ...(groups.length === 0 ? {} : { security_groups: groups }),
    ...(pods ? { allowed_address_pairs: pairsOf(spec) } : {}),
  }
  try {
    return await client.ports.create(fields, call)
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
    throw new Failure('Invalid', `a port cannot be made: ${error.message}`, { field, cause: error })
  }
}

async function mark(
  client: OpenStackClient,
  { owned }: OpenStackProviderSpec,
  port: Port,
  call?: CallOptions,
): Promise<void> {
  if (marksTags(port.tags, owned)) return
  await client.setNetworkTags('ports', port.id, [...new Set([...(port.tags ?? []), ...ownershipMarks(owned)])], call)
}

/** All ranges together: an update replaces what was there. */
function pairsOf({ podNetworks }: OpenStackProviderSpec) {
  return podNetworks.map((range) => ({ ip_address: range }))
}

/** Whether two lists hold the same, in whatever order. */
export function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((one) => right.includes(one))
}
