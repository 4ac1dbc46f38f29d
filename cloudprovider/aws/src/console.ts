import type { MachineRequest } from '@trellis/cloudprovider/contract/driver'
import type { Place } from './cluster.ts'
import { findServer } from './find-server.ts'

/** The last lines that the machine's server wrote to its console. EC2 has them some minutes late. */
export async function consoleOutput(
  place: Place,
  request: MachineRequest,
  lines: number,
  signal?: AbortSignal,
): Promise<string> {
  const { id } = await findServer(place, request, signal)
  const text = await place.cluster.client.consoleOutput(id, signal)
  return text.trimEnd().split(/\r?\n/).slice(-lines).join('\n')
}
