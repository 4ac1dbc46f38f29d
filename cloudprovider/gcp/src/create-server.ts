import type { CallOptions, CreateMachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Instance, Operation, Place } from './client.ts'
import { removePieces } from './delete-server.ts'
import { failureOfOperation } from './failures.ts'
import { describeAttempt, describeInstance, getInstance, lastAttempt } from './find-servers.ts'
import { instanceBody, userDataLimitBytes } from './instance-body.ts'
import { isOwn, ownTags } from './ownership.ts'
import { requestIdOf } from './request-id.ts'
import type { Session } from './session.ts'
import { updateInstance } from './update-server.ts'

/** What went wrong so shortly ago is told again instead of being tried again: whoever saw it only as the state of a server learns what sort of trouble it is. */
const freshMilliseconds = 60_000

/**
 * Asks for the server of a machine, or adopts it. The cloud takes the request and works on: that is not waited for. Names are unique in a zone and requests bear an id that follows from
 * the machine's identity, so that repeats make nothing twice.
 */
export async function createServer(
  session: Session,
  request: CreateMachineRequest,
  call?: CallOptions,
): Promise<ProviderMachine> {
  const { client, spec, metrics } = session
  checkRequest(request)
  const wish: Wish = {
    place: { zone: spec.zone, instance: request.machineName },
    body: instanceBody(client.project, request.machineName, spec, request.userData),
    identity: [client.project, spec.zone, request.machineName, ...ownTags(spec.tags)],
  }
  const accepted = await insert(session, wish, [], call)
  if (accepted === 'taken') return adopt(session, wish.place, call)
  // A request that is new is never done at once: this is the answer to one of earlier.
  if (accepted.status === 'DONE') return followUp(session, wish, accepted, call)
  metrics.made()
  return describeAttempt(client.project, wish.place)
}

interface Wish {
  readonly place: Place
  readonly body: object
  readonly identity: readonly string[]
}

const namePattern = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/

function checkRequest({ machineName, userData }: CreateMachineRequest): void {
  if (!namePattern.test(machineName)) {
    throw new Failure('Invalid', `the cloud allows no server named ${machineName}`, {
      field: 'metadata.name',
      remedy: 'use at most 63 lower-case letters, digits and dashes, a letter first',
    })
  }
  if (Buffer.byteLength(userData) <= userDataLimitBytes) return
  throw new Failure('Invalid', `user-data may have ${userDataLimitBytes} bytes`, { field: 'secretRef.data.userData' })
}

/** Asks for the server. `attempt` tells this request from earlier ones about the same machine. */
async function insert(
  { client }: Session,
  { place, body, identity }: Wish,
  attempt: readonly string[],
  call: CallOptions | undefined,
): Promise<Operation | 'taken'> {
  try {
    return await client.insertInstance(place.zone, body, requestIdOf(...identity, ...attempt), call)
  } catch (error) {
    if (isFailure(error, 'Conflict')) return 'taken'
    throw asRefusal(error)
  }
}

/** What a class names and the cloud does not have is the class's fault: there is no server to be missing yet. */
function asRefusal(error: unknown): unknown {
  if (!isFailure(error, 'NotFound')) return error
  return new Failure('Invalid', error.message, { cause: error, field: 'providerSpec' })
}

/** An earlier request was carried out: its server is there, or failed, or has gone since. */
async function followUp(
  session: Session,
  wish: Wish,
  earlier: Operation,
  call: CallOptions | undefined,
): Promise<ProviderMachine> {
  const { client, clock, metrics } = session
  const { place } = wish
  if ((await getInstance(client, place, call)) !== undefined) return adopt(session, place, call)
  const last = lastAttempt(await client.operationsOf(place, call))
  if (last.kind === 'running') return describeAttempt(client.project, place)
  if (last.kind === 'failed') {
    await removePieces(session, place, last.operation, call)
    if (clock.now() - Date.parse(last.operation.endTime ?? '') < freshMilliseconds) throw asRefusal(last.failure)
  }
  const before = last.kind === 'none' ? earlier.name : last.operation.name
  const accepted = await insert(session, wish, [before], call)
  if (accepted === 'taken') return adopt(session, place, call)
  const errors = accepted.error?.errors ?? []
  if (errors.length > 0) {
    await removePieces(session, place, accepted, call)
    throw asRefusal(failureOfOperation(errors))
  }
  metrics.made()
  return describeAttempt(client.project, place)
}

/** Takes the server that bears the machine's name already for the machine's, if it is. */
async function adopt(session: Session, place: Place, call: CallOptions | undefined): Promise<ProviderMachine> {
  const { client, spec } = session
  const instance = await getInstance(client, place, call)
  if (instance === undefined) {
    const last = lastAttempt(await client.operationsOf(place, call))
    if (last.kind === 'running') return describeAttempt(client.project, place)
    throw new Failure('Unavailable', `the server ${place.instance} is still being deleted`)
  }
  checkOwner(instance, place, spec.tags)
  const known = describeInstance(client.project, place, instance)
  if (known.state === 'stopped') throw await removeStopped(session, place, instance, call)
  await updateInstance(session, place, instance, call)
  return known
}

/** Names are unique in a zone: a server of the same name may belong to somebody else. */
function checkOwner({ tags }: Instance, { zone, instance }: Place, wanted: readonly string[]): void {
  if (isOwn(tags?.items ?? [], wanted)) return
  throw new Failure('Conflict', `the zone ${zone} has a server ${instance} already that is not of this cluster`, {
    field: 'providerSpec.zone',
    remedy: 'give the clusters of one project names that differ in their machines',
  })
}

/** A server that has stopped before its machine had it will not come back by itself. */
async function removeStopped(
  { client }: Session,
  place: Place,
  { id, status, statusMessage = '' }: Instance,
  call: CallOptions | undefined,
): Promise<Failure> {
  if (status === 'TERMINATED' || status === 'STOPPED' || status === 'SUSPENDED') {
    await client.deleteInstance(place, requestIdOf(client.project, place.zone, place.instance, id, 'delete'), call)
  }
  const why = statusMessage === '' ? '' : `: ${statusMessage}`
  return new Failure('Unavailable', `the server ${place.instance} is ${status.toLowerCase()}${why}`)
}
