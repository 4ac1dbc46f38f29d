import type { CallOptions, Leftover, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import type { ServerFinder } from './find-servers.ts'
import { isLoose, marksFilter, marksMetadata, marksTags } from './ownership.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { FloatingIp, Port, Server, Volume } from './resources.ts'

/** What looking for leftovers works with. */
export interface LeftoverContext {
  readonly client: OpenStackClient
  readonly finder: ServerFinder
  readonly spec: Pick<OpenStackProviderSpec, 'owned'>
  readonly call?: CallOptions
}

/** Ports, volumes and floating addresses that carry our marks and belong to no server. */
export async function listLeftovers(context: LeftoverContext): Promise<readonly Leftover[]> {
  const servers = await context.finder.all(context.call)
  const lists = await Promise.all([leftPorts(context, servers), leftVolumes(context, servers), leftAddresses(context)])
  return lists.flat()
}

/** Removes one. What hangs on a server by now, or carries other marks, is a `Conflict`. */
export async function deleteLeftover(context: LeftoverContext, leftover: Leftover): Promise<MachineDeletion> {
  try {
    return await removers[kindOf(leftover)](context, idOf(leftover))
  } catch (error) {
    if (isFailure(error, 'NotFound')) return 'gone'
    throw error
  }
}

type Remover = (context: LeftoverContext, id: string) => Promise<MachineDeletion>

const removers: Readonly<Record<'port' | 'disk' | 'address', Remover>> = {
  port: async ({ client, spec, call }, id) => {
    const port = await client.ports.get(id, call)
    refuseUnless(marksTags(port.tags, spec.owned) && (await isAlone(client, port, call)), id)
    await client.ports.remove(id, call)
    return 'gone'
  },
  disk: async ({ client, spec, call }, id) => {
    const volume = await client.volumes.get(id, call)
    refuseUnless(marksMetadata(volume.metadata, spec.owned) && volume.attachments.length === 0, id)
    if (volume.status === 'deleting') return 'deleting'
    return client.volumes.remove(id, call)
  },
  address: async ({ client, spec, call }, id) => {
    const address = await client.floatingIps.get(id, call)
    refuseUnless(marksTags(address.tags, spec.owned) && address.port_id === null, id)
    await client.floatingIps.remove(id, call)
    return 'gone'
  },
}

function kindOf({ kind, id }: Leftover): keyof typeof removers {
  if (kind === 'port' || kind === 'disk' || kind === 'address') return kind
  throw new Failure('Invalid', `${id} is none of the things that this cloud leaves behind`)
}

/** Ids are unique among things of one kind only. */
function idOf({ id, kind }: Leftover): string {
  return id.startsWith(`${kind}/`) ? id.slice(kind.length + 1) : id
}

function refuseUnless(fits: boolean, id: string): void {
  if (!fits) throw new Failure('Conflict', `${id} hangs on a server or belongs to another cluster`)
}

async function leftPorts({ client, spec, call }: LeftoverContext, servers: readonly Server[]) {
  const ports = await client.ports.list({ tags: marksFilter(spec.owned) }, call)
  const ids = new Set(servers.map(({ id }) => id))
  const names = new Set(servers.map(({ name }) => name))
  const left: Leftover[] = []
  for (const port of ports) {
    // Nova takes a port some time after it took the server: one of that name is not given up yet.
    if (isLoose(port) ? names.has(port.name) : ids.has(port.device_id)) continue
    if (await isAlone(client, port, call)) left.push(describe('port', port, port.name))
  }
  return left
}

/** A server may have gone without Neutron being told. */
async function isAlone(client: OpenStackClient, port: Port, call?: CallOptions): Promise<boolean> {
  if (isLoose(port)) return true
  if (!port.device_owner.startsWith('compute:')) return false
  try {
    await client.servers.get(port.device_id, call)
    return false
  } catch (error) {
    if (isFailure(error, 'NotFound')) return true
    throw error
  }
}

/** Volumes of pods carry no role, so they are never among these. */
async function leftVolumes({ client, spec, call }: LeftoverContext, servers: readonly Server[]) {
  if (!(await client.hasVolumes(call))) return []
  const names = new Set(servers.map(({ name }) => name))
  const volumes = await client.volumes.list({}, call)
  return volumes
    .filter((volume) => marksMetadata(volume.metadata, spec.owned) && isFree(volume) && !names.has(volume.name))
    .map((volume) => describe('disk', volume, volume.name))
}

function isFree({ attachments, status }: Volume): boolean {
  return attachments.length === 0 && ['available', 'error', 'error_deleting'].includes(status)
}

/** Floating addresses have no name: what they were made for is in their description. */
async function leftAddresses({ client, spec, call }: LeftoverContext) {
  const addresses = await client.floatingIps.list({ tags: marksFilter(spec.owned) }, call)
  return addresses
    .filter((address: FloatingIp) => address.port_id === null)
    .map((address) => describe('address', address, address.description ?? ''))
}

function describe(
  kind: 'port' | 'disk' | 'address',
  { id, created_at }: { readonly id: string; readonly created_at?: string },
  machineName: string,
): Leftover {
  // Cinder gives instants without a zone; they are in universal time.
  const text = created_at === undefined || /[Z+]/.test(created_at) ? created_at : `${created_at}Z`
  const createdAt = Date.parse(text ?? '')
  return { id: `${kind}/${id}`, kind, machineName, ...(Number.isNaN(createdAt) ? {} : { createdAt }) }
}
