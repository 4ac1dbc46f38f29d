import type { MachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import type { Instance } from './client-types.ts'
import type { Place } from './cluster.ts'
import { describeServer, endedBecause, instanceIdOf } from './server-description.ts'
import { isLive } from './server-finder.ts'
import { nameTag } from './server-tags.ts'

/** The machine's one server that lives. `NotFound`: none. `Conflict`: several. */
export async function findServer(place: Place, request: MachineRequest, signal?: AbortSignal): Promise<Instance> {
  const { live, ended } = await look(place, request, signal)
  if (live !== undefined) return live
  throw notFound(request, ended)
}

/** How the machine's server stands; one that ended by itself is an answer too. */
export async function serverStatus(
  place: Place,
  request: MachineRequest,
  signal?: AbortSignal,
): Promise<ProviderMachine> {
  const { live, ended } = await look(place, request, signal)
  if (live !== undefined) return describeServer(live, place.spec)
  if (ended !== undefined && endedBecause(ended) !== undefined && ended.privateDnsName !== '') {
    return describeServer(ended, place.spec)
  }
  throw notFound(request, ended)
}

/** Looks by id first, which costs least, and by name when that finds nothing that lives. */
async function look(
  { cluster: { finder } }: Place,
  { machineName, providerId }: MachineRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly live: Instance | undefined; readonly ended: Instance | undefined }> {
  const id = instanceIdOf(providerId)
  const seen = id === undefined ? undefined : await finder.byId(id, signal)
  const known = seen?.tags[nameTag] === machineName ? seen : undefined
  if (known !== undefined && isLive(known)) return { live: known, ended: undefined }
  const [live, ...more] = (await finder.byName(machineName, signal)).filter(isLive)
  if (more.length > 0) throw new Failure('Conflict', `${machineName} has ${more.length + 1} servers`)
  return { live, ended: known }
}

function notFound({ machineName }: MachineRequest, ended: Instance | undefined): Failure {
  const why = ended === undefined ? undefined : endedBecause(ended)
  return new Failure(
    'NotFound',
    `${machineName} has no server${why === undefined ? '' : `; its last one ended: ${why}`}`,
  )
}
