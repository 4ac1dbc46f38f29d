import {
  checkMachineIdentity,
  type NodeAgentConfiguration,
  parseNodeAgentConfiguration,
} from '@trellis/api/node-agent-configuration'
import { Failure } from '@trellis/foundation/failure'
import type { Disk } from './disk.ts'
import { isJsonObject, type JsonObject, overlay } from './overlay.ts'

/**
 * Reads the configuration of this machine: what its pool has in common, with what belongs to this machine alone laid over it where that file exists.
 * Throws `NotFound` when there is no configuration, and `Invalid` that names what is wrong in it.
 */
export async function readConfiguration(
  disk: Disk,
  path: string,
  identityPath: string,
): Promise<NodeAgentConfiguration> {
  const pool = await readObject(disk, path)
  if (pool === undefined) {
    throw new Failure('NotFound', `there is no ${path}`, { remedy: 'user-data writes it: see /var/log/cloud-init.log' })
  }
  const identity = (await readObject(disk, identityPath)) ?? {}
  const configuration = parseNodeAgentConfiguration(overlay(pool, identity))
  checkMachineIdentity(configuration)
  return configuration
}

async function readObject(disk: Disk, path: string): Promise<JsonObject | undefined> {
  const text = await disk.read(path)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (isJsonObject(value)) return value
  } catch (error) {
    throw new Failure('Invalid', `${path} is not JSON`, { field: '(root)', cause: error })
  }
  throw new Failure('Invalid', `${path} does not hold an object`, { field: '(root)' })
}
