import type { CallOptions, Leftover, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Piece } from './client.ts'
import { isLabelledOwn, keptLabel, machineLabel, ownFilter } from './ownership.ts'
import type { Session } from './session.ts'

/** Disks and addresses that were made for servers of the cluster and hang on none. Volumes of pods bear no name of a machine, and what a class wants to keep is no leftover. */
export async function listLeftovers(session: Session, call?: CallOptions): Promise<readonly Leftover[]> {
  const { client, spec } = session
  const filter = ownFilter(spec.tags)
  const [disks, addresses] = await Promise.all([
    client.listDisks(spec.zone, filter, call),
    client.listAddresses(spec.region, filter, call),
  ])
  return [
    ...disks.filter(isLeft).map((disk) => describePiece('disk', spec.zone, disk)),
    ...addresses.filter(isLeft).map((address) => describePiece('address', spec.region, address)),
  ]
}

/** Removes one of them, if it is still ours and still left. */
export async function deleteLeftover(
  session: Session,
  leftover: Leftover,
  call?: CallOptions,
): Promise<MachineDeletion> {
  const { client, spec } = session
  const [kind, where, name] = leftover.id.split('/')
  if (where === undefined || name === undefined || (kind !== 'disk' && kind !== 'address')) return 'gone'
  const filter = `name = "${name}"`
  const [piece] =
    kind === 'disk' ? await client.listDisks(where, filter, call) : await client.listAddresses(where, filter, call)
  if (piece === undefined) return 'gone'
  if (!isLabelledOwn(piece.labels, spec.tags))
    throw new Failure('Conflict', `${leftover.id} belongs to another cluster`)
  if (!isLeft(piece)) throw new Failure('Conflict', `${leftover.id} is in use`)
  try {
    await (kind === 'disk' ? client.deleteDisk(where, name, call) : client.deleteAddress(where, name, call))
  } catch (error) {
    if (isFailure(error, 'NotFound')) return 'gone'
    throw error
  }
  return 'deleting'
}

function isLeft({ users, labels }: Piece): boolean {
  return users.length === 0 && labels[machineLabel] !== undefined && labels[keptLabel] === undefined
}

function describePiece(
  kind: 'disk' | 'address',
  where: string,
  { name, labels, creationTimestamp = '' }: Piece,
): Leftover {
  const createdAt = Date.parse(creationTimestamp)
  return {
    id: `${kind}/${where}/${name}`,
    kind,
    machineName: labels[machineLabel] ?? '',
    ...(Number.isNaN(createdAt) ? {} : { createdAt }),
  }
}
