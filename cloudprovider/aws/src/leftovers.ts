import type { Leftover, LeftoverKind, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import { carries } from '@trellis/cloudprovider/contract/tags'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Ec2Client, LooseKind } from './client-types.ts'
import type { Cluster } from './cluster.ts'
import { nameTag } from './server-tags.ts'

const portKinds: Readonly<Record<LooseKind, LeftoverKind>> = {
  'network-interface': 'network-interface',
  volume: 'disk',
  address: 'address',
}

/** What was made for servers of the cluster and belongs to none. */
export async function listLeftovers({ things }: Cluster): Promise<readonly Leftover[]> {
  return (await things.all()).map(({ id, kind, tags, createdAt }) => ({
    id,
    kind: portKinds[kind],
    machineName: tags[nameTag] ?? '',
    ...(createdAt === undefined ? {} : { createdAt }),
  }))
}

/** Removes one of them, unless something holds it or another cluster owns it by now. */
export async function deleteLeftover(
  { client, things, owned }: Cluster,
  { id, kind }: Leftover,
  signal?: AbortSignal,
): Promise<MachineDeletion> {
  const loose = (Object.keys(portKinds) as LooseKind[]).find((one) => portKinds[one] === kind)
  if (loose === undefined) return 'gone'
  const thing = await things.byId(loose, id)
  if (thing === undefined) return 'gone'
  if (!carries(thing.tags, owned)) throw new Failure('Conflict', `${id} is not this cluster's`)
  if (!thing.free) throw new Failure('Conflict', `${id} is in use`)
  return removeThing(client, loose, id, signal)
}

/** Removes a thing; one that is gone is success, one that is still held goes later. */
export async function removeThing(
  client: Ec2Client,
  kind: LooseKind,
  id: string,
  signal?: AbortSignal,
): Promise<MachineDeletion> {
  try {
    await client.deleteLoose(kind, id, signal)
    return 'gone'
  } catch (error) {
    if (isFailure(error, 'NotFound')) return 'gone'
    if (isFailure(error, 'Conflict')) return 'deleting'
    throw error
  }
}
