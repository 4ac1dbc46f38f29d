import type { MethodCall } from './api-check.ts'
import { GoogleError } from './google-error.ts'
import { deleteInstance, type Fate, insertInstance, setOnInstance } from './instances.ts'
import { page, type Thing } from './list-query.ts'
import { deleteThing, insertThing, patchThing, resolve } from './resources.ts'
import type { World } from './world.ts'

/** A request of the Compute API, understood. */
export interface Call extends MethodCall {
  readonly query: URLSearchParams
  readonly body: Thing
}

/** What methods of servers need to know of the test's wishes. */
export interface Wishes {
  /** How the next server fares; read once. */
  nextFate(): Fate
}

type Handler = (world: World, call: Call, wishes: Wishes) => object

const setters = ['setLabels', 'setTags', 'setMetadata'] as const

/** What each method does, by the last part of its id; those of servers come first. */
const ofInstances: Readonly<Record<string, Handler>> = {
  insert: (world, call, wishes) => {
    const collection = collectionOf(call)
    for (const one of (call.body.networkInterfaces as readonly Thing[] | undefined) ?? []) {
      for (const field of ['network', 'subnetwork'])
        if (one[field] !== undefined) resolve(world, collection, String(one[field]))
    }
    return insertInstance(world, collection, call.body, { fate: wishes.nextFate(), ...requestIdOf(call) })
  },
  delete: (world, call) =>
    deleteInstance(world, collectionOf(call), nameOf(call), call.query.get('requestId') ?? undefined),
  aggregatedList: (world, call) => {
    const [project = ''] = Object.values(call.path)
    const things = [...world.everywhere('/instances')]
      .filter(([collection]) => collection.startsWith(`${project}/`))
      .flatMap(([, found]) => found)
    const { items, ...rest } = page(things, call.query)
    const byZone = Object.groupBy(items, ({ zone }) => `zones/${String(zone).split('/').at(-1)}`)
    const scopes = Object.entries(byZone).map(([zone, instances]) => [zone, { instances }])
    return { kind: 'compute#instanceAggregatedList', items: Object.fromEntries(scopes), ...rest }
  },
  getSerialPortOutput: (world, call) => {
    const instance = world.get(collectionOf(call), nameOf(call))
    if (instance.status !== 'RUNNING') throw new GoogleError(400, 'resourceNotReady', 'The resource is not ready')
    return {
      kind: 'compute#serialPortOutput',
      contents: `booting ${instance.name}\r\nready\r\n`,
      start: '0',
      next: '20',
    }
  },
  setDeletionProtection: (world, call) => {
    const collection = collectionOf(call)
    const name = nameOf(call)
    const deletionProtection = call.query.get('deletionProtection') === 'true'
    const finish = () => void world.put(collection, name, { ...world.get(collection, name), deletionProtection })
    return world.begin({ type: 'update', collection, name, finish })
  },
  ...Object.fromEntries(
    setters.map((verb): [string, Handler] => [
      verb,
      (world, call) => setOnInstance(world, collectionOf(call), { name: nameOf(call), verb, body: call.body }),
    ]),
  ),
}

const ofAll: Readonly<Record<string, Handler>> = {
  insert: (world, call) => insertThing(world, collectionOf(call), call.body, call.query.get('requestId') ?? undefined),
  get: (world, call) => world.get(collectionOf(call), nameOf(call)),
  list: (world, call) => ({
    kind: `compute#${serviceOf(call)}List`,
    ...page(world.all(collectionOf(call)), call.query),
  }),
  delete: (world, call) => deleteThing(world, collectionOf(call), nameOf(call)),
  patch: (world, call) => patchThing(world, collectionOf(call), nameOf(call), call.body),
  expandIpCidrRange: (world, call) => {
    const collection = collectionOf(call)
    const present = world.get(collection, nameOf(call))
    world.put(collection, nameOf(call), { ...present, ipCidrRange: call.body.ipCidrRange })
    return world.begin({ type: 'expandIpCidrRange', collection, name: nameOf(call) })
  },
  addInstance: (world, call) => changePool(world, call, (present, named) => [...new Set([...present, ...named])]),
  removeInstance: (world, call) =>
    changePool(world, call, (present, named) => present.filter((one) => !named.includes(one))),
  wait: (world, call) => {
    world.settle(collectionOf(call), nameOf(call))
    return world.get(collectionOf(call), nameOf(call))
  },
}

/** Changes the servers of a target pool; each has to be there when it comes. */
function changePool(
  world: World,
  call: Call,
  change: (present: readonly string[], named: readonly string[]) => readonly string[],
): Thing {
  const [collection, name] = [collectionOf(call), nameOf(call)]
  const pool = world.get(collection, name)
  const links = ((call.body.instances ?? []) as readonly { readonly instance?: string }[]).map((one) =>
    String(one.instance),
  )
  const named = call.method.id.endsWith('.addInstance') ? links.map((link) => resolve(world, collection, link)) : links
  world.put(collection, name, { ...pool, instances: change((pool.instances ?? []) as readonly string[], named) })
  return world.begin({ type: call.method.id.split('.').at(-1) ?? '', collection, name })
}

/** Carries a request out. A repeat that bears the id of an earlier request gets that one's operation, as it stands now. */
export function carryOut(world: World, call: Call, wishes: Wishes): object {
  const requestId = call.query.get('requestId')
  const repeated = requestId === null ? undefined : world.repeated(requestId)
  if (repeated !== undefined) return repeated
  const [, service = '', verb = ''] = call.method.id.split('.')
  const handler = (service === 'instances' ? ofInstances[verb] : undefined) ?? ofAll[verb]
  if (handler === undefined) throw new GoogleError(501, 'notImplemented', `${call.method.id} is not emulated`)
  return handler(world, call, wishes)
}

function requestIdOf({ query }: Call): { readonly requestId?: string } {
  const requestId = query.get('requestId')
  return requestId === null ? {} : { requestId }
}

/** The collection that a request is about, without the thing itself. */
function collectionOf({ method, path }: Call): string {
  const names = ['project', 'zone', 'region'].filter((name) => path[name] !== undefined)
  const service = serviceOf({ method })
  const [project = '', where] = names.map((name) => path[name])
  const scope = where === undefined ? 'global' : `${names[1]}s/${where}`
  const collection = service.endsWith('Operations') ? 'operations' : service
  return `${project}/${scope}/${collection}`
}

function serviceOf({ method }: Pick<Call, 'method'>): string {
  return method.id.split('.')[1] ?? ''
}

function nameOf({ path }: Call): string {
  const [name = ''] = Object.entries(path).flatMap(([key, value]) =>
    ['project', 'zone', 'region'].includes(key) ? [] : [value],
  )
  return name
}
