import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { type Secret, secrets } from '@trellis/api/core/configuration'
import type { ObjectKey } from '@trellis/api/meta'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { parseState } from './state-file.ts'

/** What is kept of a module between runs. */
export interface StoredState {
  /** OpenTofu's state, as text. */
  readonly state: string
  /** Values of the module's variables in the run that made this state. */
  readonly variables: Readonly<Record<string, unknown>>
}

/** Where the state of one shoot's module is kept. One store is one run's view of it. */
export interface StateStore {
  /** The newest state, which later saves build upon; undefined when there is none. Throws `Conflict` when what is there is no state. */
  load(): Promise<StoredState | undefined>
  /** Makes a state durable. Throws `Conflict` when somebody else has written since `load`, and `Exhausted` when it is too large. */
  save(stored: StoredState): Promise<void>
  /** Forgets the state. Harmless when there is none. Throws `Conflict` like `save`. */
  remove(): Promise<void>
}

/** What a Secret may hold, less what its metadata and base64 take. */
const largestBytes = 700 * 1024

const compress = promisify(gzip)
const expand = promisify(gunzip)

/** A state is text that compresses well; this bounds what a forged one unpacks to. */
const largestExpandedBytes = 64 * 1024 * 1024

/** Keeps the state in a Secret, compressed. Its resourceVersion is the guard: of two writers the second fails. */
export function createStateStore(client: Client, key: Required<ObjectKey>): StateStore {
  let resourceVersion: string | undefined
  return {
    load: async () => {
      const secret = await client.find(secrets, key)
      resourceVersion = secret?.metadata.resourceVersion
      return secret === undefined ? undefined : read(secret)
    },
    save: async (stored) => {
      const secret = await secretOf(key, stored, resourceVersion)
      const saved = await guarded(key, () =>
        resourceVersion === undefined ? client.create(secrets, secret) : client.replace(secrets, secret),
      )
      resourceVersion = saved.metadata.resourceVersion
    },
    remove: async () => {
      if (resourceVersion === undefined) return
      const guard = { resourceVersion }
      await guarded(key, () => client.delete(secrets, key, guard))
      resourceVersion = undefined
    },
  }
}

/** A Secret that somebody deleted meanwhile is a conflict too: the state must not come back without what it was. */
async function guarded<Value>({ namespace, name }: Required<ObjectKey>, write: () => Promise<Value>): Promise<Value> {
  try {
    return await write()
  } catch (error) {
    if (!isFailure(error, 'Conflict', 'NotFound')) throw error
    throw new Failure('Conflict', `somebody else has written or deleted the state in Secret ${namespace}/${name}`, {
      cause: error,
    })
  }
}

async function read({ metadata, data }: Secret): Promise<StoredState> {
  const wrong = (cause?: unknown) =>
    new Failure('Conflict', `Secret ${metadata.namespace}/${metadata.name} holds no state of OpenTofu`, {
      cause,
      remedy: 'restore it, or delete it once you have made sure what is left at the cloud',
    })
  const [state, variables] = [data?.state, data?.variables]
  if (state === undefined || variables === undefined) throw wrong()
  try {
    const expanded = await expand(Buffer.from(state, 'base64'), { maxOutputLength: largestExpandedBytes })
    const text = expanded.toString('utf8')
    if (parseState(text) === undefined) throw wrong()
    return { state: text, variables: JSON.parse(Buffer.from(variables, 'base64').toString('utf8')) }
  } catch (error) {
    throw error instanceof Failure ? error : wrong(error)
  }
}

async function secretOf(
  key: Required<ObjectKey>,
  { state, variables }: StoredState,
  resourceVersion: string | undefined,
): Promise<Secret> {
  const packed = await compress(state)
  if (packed.length > largestBytes) {
    throw new Failure('Exhausted', `the state of ${packed.length} bytes is too large for a Secret`)
  }
  const serial = String(parseState(state)?.serial ?? '')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...key,
      annotations: { 'trellis.internal/opentofu-serial': serial },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: 'trellis.internal/opentofu-state',
    data: {
      state: packed.toString('base64'),
      variables: Buffer.from(JSON.stringify(variables)).toString('base64'),
    },
  }
}
