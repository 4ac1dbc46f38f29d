import type { MachineDeletion, MachineRequest, ServerRequest } from '@trellis/cloudprovider/contract/driver'
import type { Instance } from './client-types.ts'
import type { Cluster, Place } from './cluster.ts'
import { removeThing } from './leftovers.ts'
import { instanceIdOf } from './server-description.ts'
import { isLive } from './server-finder.ts'

/** Removes every server of a machine and then what was made for them. */
export async function deleteMachine(
  { cluster }: Place,
  request: MachineRequest,
  signal?: AbortSignal,
): Promise<MachineDeletion> {
  const found = await cluster.finder.byName(request.machineName, signal)
  const unseen = await unseenId(cluster, request, found, signal)
  const doomed = [...found.filter(isLive).map(({ id }) => id), ...unseen]
  const ended = await Promise.all(doomed.map((id) => endOne(cluster, id, signal)))
  const going = found.some(({ state }) => state === 'shutting-down')
  if (going || ended.includes('deleting')) return 'deleting'
  return removeRests(cluster, request.machineName, signal)
}

/** Removes one server of a machine. */
export async function deleteServer(
  { cluster }: Place,
  { machineName, providerId }: ServerRequest,
  signal?: AbortSignal,
): Promise<MachineDeletion> {
  const id = instanceIdOf(providerId)
  const server = (await cluster.finder.byName(machineName, signal)).find((one) => one.id === id)
  if (server === undefined || server.state === 'terminated') return 'gone'
  return server.state === 'shutting-down' ? 'deleting' : endOne(cluster, server.id, signal)
}

/**
 * The id that the machine knows of, when EC2 does not show that server by name: one that was made seconds ago, or was stripped of its tags.
 * One that is shown under another name, or is another cluster's, is not the machine's.
 */
async function unseenId(
  { client }: Cluster,
  { providerId }: MachineRequest,
  found: readonly Instance[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const id = instanceIdOf(providerId)
  if (id === undefined || found.some((one) => one.id === id)) return []
  signal?.throwIfAborted()
  const shown = await client.findInstances([{ Name: 'instance-id', Values: [id] }])
  return shown.length === 0 ? [id] : []
}

async function endOne(cluster: Cluster, id: string, signal: AbortSignal | undefined): Promise<MachineDeletion> {
  cluster.finder.forget(id)
  const state = await cluster.terminator.terminate(id, signal)
  return state === undefined || state === 'terminated' ? 'gone' : 'deleting'
}

async function removeRests(
  cluster: Cluster,
  machineName: string,
  signal: AbortSignal | undefined,
): Promise<MachineDeletion> {
  const rests = await cluster.things.ofMachine(machineName, signal)
  const outcomes = await Promise.all(rests.map(({ kind, id }) => removeThing(cluster.client, kind, id, signal)))
  return outcomes.includes('deleting') ? 'deleting' : 'gone'
}
