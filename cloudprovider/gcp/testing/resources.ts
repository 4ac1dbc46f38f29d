import { GoogleError } from './google-error.ts'
import type { Thing } from './list-query.ts'
import type { Collection, World } from './world.ts'

/** What tells one sort of thing from the next, beside its schema. */
interface Sort {
  readonly kind: string
  /** Fields that name other things, which have to be there, and cannot go before this one. */
  readonly refersTo: readonly string[]
  /** What the cloud adds to a new one. */
  readonly extra?: (world: World, collection: Collection, body: Thing) => Thing
}

const sorts: Readonly<Record<string, Sort>> = {
  addresses: {
    kind: 'address',
    refersTo: [],
    extra: (world) => ({ address: `203.0.113.${Number(world.fresh('x', '', '').id) % 250}`, status: 'RESERVED' }),
  },
  disks: { kind: 'disk', refersTo: [] },
  firewalls: { kind: 'firewall', refersTo: ['network'], extra: () => ({ direction: 'INGRESS', priority: 1000 }) },
  forwardingRules: { kind: 'forwardingRule', refersTo: ['network', 'target'] },
  networks: { kind: 'network', refersTo: [], extra: () => ({ mtu: 1460 }) },
  routers: { kind: 'router', refersTo: ['network'] },
  routes: { kind: 'route', refersTo: ['network', 'nextHopInstance'] },
  subnetworks: { kind: 'subnetwork', refersTo: ['network'], extra: () => ({ gatewayAddress: '10.0.0.1' }) },
  targetPools: { kind: 'targetPool', refersTo: [] },
}

/** Makes a thing of a collection. */
export function insertThing(world: World, collection: Collection, body: Thing, requestId?: string): Thing {
  const sort = sortOf(collection)
  const name = String(body.name)
  if (world.find(collection, name) !== undefined) {
    throw new GoogleError(409, 'alreadyExists', `The resource 'projects/${collection}/${name}' already exists`)
  }
  const resolved = Object.fromEntries(
    sort.refersTo
      .filter((field) => body[field] !== undefined)
      .map((field) => [field, resolve(world, collection, String(body[field]))]),
  )
  const region = /\/regions\/([^/]+)\//.exec(collection)?.[0]
  world.put(collection, name, {
    ...sort.extra?.(world, collection, body),
    ...body,
    ...resolved,
    ...world.fresh(sort.kind, collection, name),
    ...(region === undefined ? {} : { region: world.link(collection, '').replace(/\/[^/]+\/$/, '') }),
    ...(sort.kind === 'subnetwork' ? { fingerprint: world.fingerprint() } : {}),
  })
  // A thing whose making has not ended can be seen, and referred to, already.
  return world.begin({ type: 'insert', collection, name }, requestId)
}

/** Changes the fields of a thing that are given. */
export function patchThing(world: World, collection: Collection, name: string, body: Thing): Thing {
  const present = world.get(collection, name)
  if (present.fingerprint !== undefined && body.fingerprint !== present.fingerprint) {
    throw new GoogleError(412, 'conditionNotMet', 'Supplied fingerprint does not match current fingerprint.')
  }
  const fresh = present.fingerprint === undefined ? {} : { fingerprint: world.fingerprint() }
  world.put(collection, name, { ...present, ...body, ...fresh })
  return world.begin({ type: 'patch', collection, name })
}

/** Takes a thing down, unless others need it. */
export function deleteThing(world: World, collection: Collection, name: string): Thing {
  const thing = world.get(collection, name)
  const user = userOf(world, String(thing.selfLink)) ?? (thing.users as readonly string[] | undefined)?.[0]
  if (user !== undefined) {
    throw new GoogleError(
      400,
      'resourceInUseByAnotherResource',
      `The resource 'projects/${collection}/${name}' is already being used by '${user}'`,
    )
  }
  return world.begin({ type: 'delete', collection, name, finish: () => world.remove(collection, name) })
}

/** Something that names a thing in one of its fields. */
function userOf(world: World, link: string): string | undefined {
  const collections = ['instances', ...Object.keys(sorts)].flatMap((one) => [...world.everywhere(`/${one}`)])
  for (const [collection, things] of collections) {
    for (const thing of things) {
      if (thing.selfLink === link) continue
      if (collection.endsWith('/targetPools') || collection.endsWith('/disks')) continue
      if (refersTo(thing, link)) return String(thing.selfLink)
    }
  }
  return undefined
}

function refersTo(value: unknown, link: string): boolean {
  if (typeof value === 'string') return value === link
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some((inner) => refersTo(inner, link))
}

/** The address of something that is named in any of the forms that the API takes. */
export function resolve(world: World, collection: Collection, name: string): string {
  const [project = ''] = collection.split('/')
  const path = name.replace(/^https:\/\/[^/]+\/compute\/v1\//, '').replace(/^projects\//, '')
  const whole = name.startsWith('https:') || name.startsWith('projects/') ? path : `${project}/${path}`
  const cut = whole.lastIndexOf('/')
  world.get(whole.slice(0, cut), whole.slice(cut + 1))
  return world.link(whole.slice(0, cut), whole.slice(cut + 1))
}

function sortOf(collection: Collection): Sort {
  const name = collection.slice(collection.lastIndexOf('/') + 1)
  const sort = sorts[name]
  if (sort === undefined) throw new GoogleError(404, 'notFound', `there are no ${name}`)
  return sort
}
