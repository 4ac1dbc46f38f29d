import type { Clock } from '@trellis/foundation/clock'
import { GoogleError } from './google-error.ts'
import type { Thing } from './list-query.ts'

/** Where a thing is: `project/zones/ZONE/instances`, `project/regions/REGION/addresses`, `project/global/networks`. */
export type Collection = string

/** An error of an operation. */
export interface OperationError {
  readonly code: string
  readonly message: string
}

/** What an operation does when it ends. */
export interface Work {
  readonly type: string
  readonly collection: Collection
  readonly name: string
  readonly finish?: () => void
  readonly fail?: () => void
  readonly error?: OperationError
}

interface Pending {
  readonly key: string
  readonly work: Work
}

/** Everything that the emulated cloud holds, of every project. */
export interface World {
  /** Address of a thing, as other things refer to it. */
  link(collection: Collection, name: string): string
  /** Things of a collection, by name. */
  all(collection: Collection): readonly Thing[]
  /** Things of all collections whose path ends so, as in `/instances`, by collection. */
  everywhere(suffix: string): ReadonlyMap<Collection, readonly Thing[]>
  find(collection: Collection, name: string): Thing | undefined
  /** The same; `GoogleError` 404 when there is none. */
  get(collection: Collection, name: string): Thing
  put(collection: Collection, name: string, thing: Thing): Thing
  remove(collection: Collection, name: string): void
  /** What every new thing of a kind has. */
  fresh(kind: string, collection: Collection, name: string): Thing
  fingerprint(): string
  /** Begins an operation; it ends when it is settled. */
  begin(work: Work, requestId?: string): Thing
  /** Ends one operation, or all that run. */
  settle(collection?: Collection, name?: string): void
  /** The operation that a request of that id began, if any did. */
  repeated(requestId: string): Thing | undefined
}

const base = 'https://www.googleapis.com/compute/v1/projects'

/** An empty world. */
export function createWorld(clock: Clock): World {
  const things = new Map<string, Thing>()
  const pending: Pending[] = []
  const requests = new Map<string, string>()
  let counter = 1000
  const keyOf = (collection: Collection, name: string) => `${collection}/${name}`
  const link = (collection: Collection, name: string) => `${base}/${keyOf(collection, name)}`
  const now = () => new Date(clock.now()).toISOString()
  const inCollection = (collection: Collection) =>
    [...things]
      .filter(([key]) => key.startsWith(`${collection}/`) && !key.slice(collection.length + 1).includes('/'))
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, thing]) => thing)
  const end = ({ key, work }: Pending) => {
    const operation = things.get(key)
    if (operation === undefined || operation.status === 'DONE') return
    if (work.error === undefined) work.finish?.()
    else work.fail?.()
    things.set(key, {
      ...operation,
      status: 'DONE',
      progress: 100,
      endTime: now(),
      ...(work.error === undefined ? {} : { error: { errors: [work.error] }, httpErrorStatusCode: 400 }),
    })
  }
  const world: World = {
    link,
    all: inCollection,
    everywhere: (suffix) => {
      const names = new Set([...things.keys()].map((key) => key.slice(0, key.lastIndexOf('/'))))
      return new Map([...names].filter((one) => one.endsWith(suffix)).map((one) => [one, inCollection(one)]))
    },
    find: (collection, name) => things.get(keyOf(collection, name)),
    get: (collection, name) => {
      const found = things.get(keyOf(collection, name))
      if (found !== undefined) return found
      throw new GoogleError(404, 'notFound', `The resource 'projects/${keyOf(collection, name)}' was not found`)
    },
    put: (collection, name, thing) => {
      things.set(keyOf(collection, name), thing)
      return thing
    },
    remove: (collection, name) => void things.delete(keyOf(collection, name)),
    fresh: (kind, collection, name) => ({
      kind: `compute#${kind}`,
      id: String(++counter),
      name,
      selfLink: link(collection, name),
      creationTimestamp: now(),
    }),
    fingerprint: () => Buffer.from(String(++counter)).toString('base64'),
    begin: (work, requestId) => {
      const scope = work.collection.slice(0, work.collection.lastIndexOf('/'))
      const name = `operation-${++counter}`
      const collection = `${scope}/operations`
      const [, kind = '', where] = scope.split('/')
      const operation: Thing = {
        ...world.fresh('operation', collection, name),
        operationType: work.type,
        targetLink: link(work.collection, work.name),
        status: 'RUNNING',
        progress: 0,
        insertTime: now(),
        startTime: now(),
        user: 'trellis',
        ...(where === undefined ? {} : { [kind === 'zones' ? 'zone' : 'region']: `${base}/${scope}` }),
      }
      const { creationTimestamp: _, ...shown } = operation
      world.put(collection, name, shown)
      pending.push({ key: keyOf(collection, name), work })
      if (requestId !== undefined) requests.set(requestId, keyOf(collection, name))
      return shown
    },
    settle: (collection, name) => {
      const wanted = collection === undefined || name === undefined ? undefined : keyOf(collection, name)
      for (const one of pending) if (wanted === undefined || one.key === wanted) end(one)
    },
    repeated: (requestId) => things.get(requests.get(requestId) ?? ''),
  }
  return world
}
