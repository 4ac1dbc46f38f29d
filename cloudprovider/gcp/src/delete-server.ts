import type {
  CallOptions,
  MachineDeletion,
  MachineRequest,
  ServerRequest,
} from '@trellis/cloudprovider/contract/driver'
import { isFailure } from '@trellis/foundation/failure'
import type { Instance, Operation, Piece, Place } from './client.ts'
import { getInstance, lastAttempt, placeOf, placeOfId } from './find-servers.ts'
import { isOwn, keptLabel, ownFilter } from './ownership.ts'
import { requestIdOf } from './request-id.ts'
import type { Session } from './session.ts'

/** Removes the machine's server, wherever its id or its class says that it is, and what was made for it. */
export async function deleteMachine(
  session: Session,
  request: MachineRequest,
  call?: CallOptions,
): Promise<MachineDeletion> {
  const { client, spec } = session
  const known = placeOf(client.project, spec, request)
  const places = known.zone === spec.zone ? [known] : [known, { zone: spec.zone, instance: request.machineName }]
  const outcomes = await Promise.all(places.map((place) => deleteAt(session, place, call)))
  return outcomes.includes('deleting') ? 'deleting' : 'gone'
}

/** Removes the one server that the id names, if it is the machine's. */
export async function deleteServer(
  session: Session,
  { machineName, providerId }: ServerRequest,
  call?: CallOptions,
): Promise<MachineDeletion> {
  const place = placeOfId(session.client.project, providerId)
  if (place === undefined || place.instance !== machineName) return 'gone'
  const instance = await getInstance(session.client, place, call)
  return instance === undefined ? 'gone' : remove(session, place, instance, call)
}

async function deleteAt(session: Session, place: Place, call: CallOptions | undefined): Promise<MachineDeletion> {
  const { client } = session
  const instance = await getInstance(client, place, call)
  if (instance !== undefined) return remove(session, place, instance, call)
  // A server that was asked for a moment ago may not be visible yet.
  const last = lastAttempt(await client.operationsOf(place, call))
  if (last.kind === 'running') return 'deleting'
  return removePieces(session, place, last.kind === 'failed' ? last.operation : undefined, call)
}

async function remove(
  { client, spec }: Session,
  place: Place,
  { id, tags, deletionProtection = false }: Instance,
  call: CallOptions | undefined,
): Promise<MachineDeletion> {
  if (!isOwn(tags?.items ?? [], spec.tags)) return 'gone'
  if (deletionProtection) {
    await client.awaitOperation(place.zone, await client.liftDeletionProtection(place, call), call)
  }
  try {
    await client.deleteInstance(place, requestIdOf(client.project, place.zone, place.instance, id, 'delete'), call)
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
  return 'deleting'
}

/**
 * Removes disks that were made for a machine and hang on no server. Those that the class wants to keep go only when a failed attempt made them: what an earlier server wrote to one stays.
 */
export async function removePieces(
  { client, spec }: Session,
  { zone, instance }: Place,
  failedAttempt?: Operation,
  call?: CallOptions,
): Promise<MachineDeletion> {
  const disks = await client.listDisks(zone, ownFilter(spec.tags, instance), call)
  const doomed = disks.filter((disk) => disk.users.length === 0 && isDoomed(disk, failedAttempt))
  for (const { name } of doomed) {
    try {
      await client.deleteDisk(zone, name, call)
    } catch (error) {
      if (!isFailure(error, 'NotFound')) throw error
    }
  }
  return doomed.length > 0 ? 'deleting' : 'gone'
}

function isDoomed({ labels, creationTimestamp = '' }: Piece, failedAttempt: Operation | undefined): boolean {
  if (labels[keptLabel] === undefined) return true
  return failedAttempt !== undefined && Date.parse(creationTimestamp) >= Date.parse(failedAttempt.insertTime ?? '')
}
