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
  /** Where its operation is. */
  readonly collection: Collection
  readonly name: string
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
  const store = createStore(clock)
  return { ...store, ...createOperations(clock, store) }
}

type Operations = Pick<World, 'begin' | 'settle' | 'repeated'>
type Store = Omit<World, keyof Operations>

function createStore(clock: Clock): Store {
  const things = new Map<Collection, Map<string, Thing>>()
  let counter = 1000
  const link = (collection: Collection, name: string) => `${base}/${collection}/${name}`
  const all = (collection: Collection) =>
    [...(things.get(collection) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, thing]) => thing)
  return {
    link,
    all,
    everywhere: (suffix) =>
      new Map([...things.keys()].filter((one) => one.endsWith(suffix)).map((one) => [one, all(one)])),
    find: (collection, name) => things.get(collection)?.get(name),
    get: (collection, name) => {
      const found = things.get(collection)?.get(name)
      if (found !== undefined) return found
      throw new GoogleError(404, 'notFound', `The resource 'projects/${collection}/${name}' was not found`)
    },
    put: (collection, name, thing) => {
      const holder = things.get(collection) ?? new Map<string, Thing>()
      holder.set(name, thing)
      things.set(collection, holder)
      return thing
    },
    remove: (collection, name) => void things.get(collection)?.delete(name),
    fresh: (kind, collection, name) => ({
      kind: `compute#${kind}`,
      id: String(++counter),
      name,
      selfLink: link(collection, name),
      creationTimestamp: new Date(clock.now()).toISOString(),
    }),
    fingerprint: () => Buffer.from(String(++counter)).toString('base64'),
  }
}

function createOperations(clock: Clock, store: Store): Operations {
  let pending: Pending[] = []
  const requests = new Map<string, Pending>()
  const now = () => new Date(clock.now()).toISOString()
  const end = ({ collection, name, work }: Pending) => {
    if (work.error === undefined) work.finish?.()
    else work.fail?.()
    store.put(collection, name, {
      ...store.get(collection, name),
      status: 'DONE',
      progress: 100,
      endTime: now(),
      ...(work.error === undefined ? {} : { error: { errors: [work.error] }, httpErrorStatusCode: 400 }),
    })
  }
  return {
    begin: (work, requestId) => {
      const begun = { ...newOperation(store, work, now()), work }
      store.put(begun.collection, begun.name, begun.shown)
      pending.push(begun)
      if (requestId !== undefined) requests.set(requestId, begun)
      return begun.shown
    },
    settle: (collection, name) => {
      const isMeant = (one: Pending) => collection === undefined || (one.collection === collection && one.name === name)
      const ending = pending.filter(isMeant)
      pending = pending.filter((one) => !isMeant(one))
      for (const one of ending) end(one)
    },
    repeated: (requestId) => {
      const begun = requests.get(requestId)
      return begun === undefined ? undefined : store.get(begun.collection, begun.name)
    },
  }
}

/** An operation that has just begun, and where it is. */
function newOperation(store: Store, work: Work, at: string) {
  const scope = work.collection.slice(0, work.collection.lastIndexOf('/'))
  const collection = `${scope}/operations`
  const { id } = store.fresh('operation', collection, '')
  const name = `operation-${id}`
  const [, place = '', where] = scope.split('/')
  const shown: Thing = {
    kind: 'compute#operation',
    id,
    name,
    selfLink: store.link(collection, name),
    operationType: work.type,
    targetLink: store.link(work.collection, work.name),
    status: 'RUNNING',
    progress: 0,
    insertTime: at,
    startTime: at,
    user: 'trellis',
    ...(where === undefined ? {} : { [place === 'zones' ? 'zone' : 'region']: `${base}/${scope}` }),
  }
  return { collection, name, shown }
}
