import type { CallOptions, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import type { OpenStackClient } from './client.ts'
import { isGoing, isLoose, marksMetadata } from './ownership.ts'
import { findPorts } from './ports.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { Server } from './resources.ts'

/** What deletion works with. */
export interface DeletionContext {
  readonly client: OpenStackClient
  readonly spec: OpenStackProviderSpec
  readonly call?: CallOptions
}

/**
 * Removes these servers of a machine, and then what was made for it. Ports that a server still has, and volumes, go once it is gone: the caller asks again.
 */
export async function deleteServers(
  context: DeletionContext,
  machineName: string,
  servers: readonly Server[],
): Promise<MachineDeletion> {
  const { client, call } = context
  const outcomes = await Promise.all(
    servers.map((server) => (isGoing(server) ? ('deleting' as const) : client.servers.remove(server.id, call))),
  )
  if (outcomes.includes('deleting')) return 'deleting'
  const parts = await Promise.all([removePorts(context, machineName), removeVolumes(context, machineName)])
  return parts.includes('deleting') ? 'deleting' : 'gone'
}

async function removePorts({ client, spec, call }: DeletionContext, machineName: string): Promise<MachineDeletion> {
  const ports = await findPorts(client, spec, machineName, call)
  // Nova takes its hands off a port some time after the server is gone; a port that another server has stays.
  const loose = ports.filter(isLoose)
  await Promise.all(loose.map(({ id }) => client.ports.remove(id, call)))
  return loose.length < ports.length ? 'deleting' : 'gone'
}

/** Root volumes of a type of their own were once made apart from the server, under the machine's name. */
async function removeVolumes({ client, spec, call }: DeletionContext, machineName: string): Promise<MachineDeletion> {
  if (spec.rootDiskType === undefined || !(await client.hasVolumes(call))) return 'gone'
  const named = await client.volumes.list({ name: machineName }, call)
  const own = named.filter(({ name, metadata }) => name === machineName && marksMetadata(metadata, spec.owned))
  const removable = own.filter(({ attachments, status }) => attachments.length === 0 && status !== 'deleting')
  await Promise.all(removable.map(({ id }) => client.volumes.remove(id, call)))
  return own.length > 0 ? 'deleting' : 'gone'
}
