import type { CreateMachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import { clientToken } from './client-token.ts'
import type { Instance } from './client-types.ts'
import type { Cluster, Place } from './cluster.ts'
import { blameClass, codeOf } from './failures.ts'
import { runRequest } from './run-request.ts'
import type { RunRequest } from './run-request-types.ts'
import { describeServer } from './server-description.ts'
import { isLive } from './server-finder.ts'
import { updateServer } from './update-server.ts'

/** Servers that a machine may have had within the time that EC2 remembers their tokens: about a day. */
const mostIncarnations = 20

/** How long it may take until EC2 shows a server: a token that belongs to another request and to no server after that is given up. */
const hiddenMilliseconds = 120_000

/** Makes the server of a machine, or adopts the one that it has. */
export async function createServer(
  place: Place,
  request: CreateMachineRequest,
  signal?: AbortSignal,
): Promise<ProviderMachine> {
  const { cluster, spec } = place
  const present = (await cluster.finder.mayExist(request.machineName, signal))
    ? await findLive(cluster, request.machineName, signal)
    : undefined
  const instance = present ?? (await makeOne(place, request, signal))
  cluster.finder.note(instance)
  // What was made just now is as the class says.
  if (instance.state !== 'pending') await updateServer(place, instance, signal)
  return describeServer(instance, spec)
}

/** The one server of that name that lives. */
async function findLive(cluster: Cluster, machineName: string, signal?: AbortSignal): Promise<Instance | undefined> {
  const [first, ...more] = (await cluster.finder.byName(machineName, signal)).filter(isLive)
  if (more.length > 0) throw new Failure('Conflict', `${machineName} has ${more.length + 1} servers`)
  return first
}

/**
 * Asks for the machine's next server. Each server of a machine has a client token of its own, counted from the first: EC2 answers a token that was used with the server
 * that it made then, so that whoever asks, after whatever crash, comes to the same one.
 */
async function makeOne(
  { cluster, spec }: Place,
  { machineName, userData }: CreateMachineRequest,
  signal?: AbortSignal,
): Promise<Instance> {
  const rootDeviceName = await cluster.images.rootDeviceName(spec.ami).catch((error: unknown) => {
    throw blameClass(error)
  })
  for (let incarnation = 0; incarnation < mostIncarnations; incarnation++) {
    const token = clientToken(cluster.owned, machineName, incarnation)
    const request = runRequest(spec, { machineName, userData, rootDeviceName, clientToken: token })
    const instance = await runOnce(cluster, request, machineName, signal)
    if (instance === undefined || !isLive(instance)) continue
    if (instance.state === 'pending') cluster.metrics.made()
    return instance
  }
  throw new Failure(
    'Unavailable',
    `${machineName} has had ${mostIncarnations} servers within a day, and all have ended`,
    {
      remedy: 'delete the machine: the next one has another name',
      retryAfterMilliseconds: 600_000,
    },
  )
}

/** The server of this token; undefined when it has ended. */
async function runOnce(
  cluster: Cluster,
  request: RunRequest,
  machineName: string,
  signal?: AbortSignal,
): Promise<Instance | undefined> {
  try {
    const instance = await cluster.client.runInstance(request, signal)
    cluster.mismatches.delete(request.ClientToken)
    return instance
  } catch (error) {
    const code = codeOf(error)
    if (code === 'IdempotentInstanceTerminated') return undefined
    if (code === 'IdempotentParameterMismatch') return settleMismatch(cluster, request, machineName, error)
    throw blameClass(error)
  }
}

/**
 * EC2 knows the token from another request: the bootstrap token in the user data was renewed, or the class was changed, after an answer was lost.
 * The server of that request is the machine's: it is adopted. Undefined when it has ended, or when there is none though EC2 has had time to show it.
 */
async function settleMismatch(
  { client, clock, mismatches }: Cluster,
  { ClientToken }: RunRequest,
  machineName: string,
  error: unknown,
): Promise<Instance | undefined> {
  const [instance] = await client.findInstances([{ Name: 'client-token', Values: [ClientToken] }])
  const since = mismatches.get(ClientToken) ?? clock.now()
  if (instance !== undefined || clock.now() - since >= hiddenMilliseconds) {
    mismatches.delete(ClientToken)
    return instance
  }
  mismatches.set(ClientToken, since)
  forgetOldest(mismatches)
  throw new Failure('Unavailable', `a server was asked for ${machineName} before, and EC2 does not show it yet`, {
    cause: error,
    retryAfterMilliseconds: 5000,
  })
}

function forgetOldest(mismatches: Map<string, number>): void {
  const [oldest] = mismatches.keys()
  if (mismatches.size > 1000 && oldest !== undefined) mismatches.delete(oldest)
}
