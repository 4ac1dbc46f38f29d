import { GoogleError } from './google-error.ts'
import type { Thing } from './list-query.ts'
import type { Collection, OperationError, World } from './world.ts'

/** How the next server fares. */
export interface Fate {
  /** The cloud accepts, then fails. */
  readonly error?: OperationError
  /** Its disks stay behind when it fails. */
  readonly leavesDisks?: boolean
  /** It is not to be seen before its operation ends. */
  readonly hidden?: boolean
}

interface DiskWish {
  readonly boot?: boolean
  readonly autoDelete?: boolean
  readonly type?: string
  readonly initializeParams?: { readonly diskName?: string; readonly labels?: Thing; readonly diskSizeGb?: string }
}

interface InterfaceWish {
  readonly subnetwork?: string
  readonly network?: string
  readonly accessConfigs?: readonly Thing[]
}

/** Accepts a server, with its disks. */
export function insertInstance(
  world: World,
  collection: Collection,
  body: Thing,
  { fate, requestId }: { readonly fate: Fate; readonly requestId?: string },
): Thing {
  const name = String(body.name)
  if (world.find(collection, name) !== undefined) {
    throw new GoogleError(409, 'alreadyExists', `The resource 'projects/${collection}/${name}' already exists`)
  }
  const disks = collection.replace(/instances$/, 'disks')
  const self = world.link(collection, name)
  const wished = ((body.disks as readonly DiskWish[] | undefined) ?? []).map((disk, index) => ({
    disk,
    name: diskNameOf(disk, name, index),
  }))
  const taken = wished.find((one) => one.disk.type !== 'SCRATCH' && world.find(disks, one.name) !== undefined)
  const error =
    fate.error ??
    (taken === undefined
      ? undefined
      : { code: 'RESOURCE_ALREADY_EXISTS', message: `The resource '${disks}/${taken.name}' already exists` })
  const own = wished.filter((one) => one.disk.type !== 'SCRATCH' && world.find(disks, one.name) === undefined)
  for (const one of own) world.put(disks, one.name, newDisk(world, disks, { ...one, users: [self] }))
  const instance = newInstance(
    world,
    collection,
    body,
    wished.map((one) => world.link(disks, one.name)),
  )
  const show = () => world.put(collection, name, { ...instance, status: 'RUNNING' })
  if (fate.hidden !== true) world.put(collection, name, instance)
  const work = {
    type: 'insert',
    collection,
    name,
    finish: show,
    fail: () => {
      world.remove(collection, name)
      for (const one of own) {
        if (fate.leavesDisks) world.put(disks, one.name, { ...world.get(disks, one.name), users: [] })
        else world.remove(disks, one.name)
      }
    },
    ...(error === undefined ? {} : { error }),
  }
  return world.begin(work, requestId)
}

function diskNameOf({ boot, initializeParams }: DiskWish, instance: string, index: number): string {
  return initializeParams?.diskName ?? (boot ? instance : `${instance}-${index}`)
}

function newDisk(
  world: World,
  disks: Collection,
  one: { readonly disk: DiskWish; readonly name: string; readonly users: readonly string[] },
): Thing {
  return {
    ...world.fresh('disk', disks, one.name),
    status: 'READY',
    labels: one.disk.initializeParams?.labels ?? {},
    sizeGb: one.disk.initializeParams?.diskSizeGb ?? '10',
    users: one.users,
    zone: world.link(disks, '').replace(/\/disks\/$/, ''),
  }
}

function newInstance(world: World, collection: Collection, body: Thing, disks: readonly string[]): Thing {
  const wishes = (body.disks as readonly DiskWish[] | undefined) ?? []
  const tags = (body.tags as { readonly items?: readonly string[] } | undefined)?.items ?? []
  return {
    ...body,
    ...world.fresh('instance', collection, String(body.name)),
    status: 'PROVISIONING',
    zone: world.link(collection, '').replace(/\/instances\/$/, ''),
    fingerprint: world.fingerprint(),
    labels: body.labels ?? {},
    labelFingerprint: world.fingerprint(),
    tags: { items: tags, fingerprint: world.fingerprint() },
    metadata: { ...(body.metadata as object | undefined), fingerprint: world.fingerprint() },
    disks: wishes.map(({ initializeParams: _, ...disk }, index) => ({
      ...disk,
      index,
      source: disks[index],
      mode: 'READ_WRITE',
    })),
    networkInterfaces: ((body.networkInterfaces as readonly InterfaceWish[] | undefined) ?? []).map((one, index) => ({
      ...one,
      name: `nic${index}`,
      networkIP: `10.250.0.${(Number(world.fresh('x', '', '').id) % 250) + 2}`,
      ...(one.accessConfigs === undefined
        ? {}
        : { accessConfigs: one.accessConfigs.map((config) => ({ ...config, natIP: '203.0.113.7' })) }),
    })),
  }
}

/** Takes a server down; its disks go with it, if they are to. */
export function deleteInstance(world: World, collection: Collection, name: string, requestId?: string): Thing {
  const instance = world.get(collection, name)
  if (instance.deletionProtection === true) {
    throw new GoogleError(
      412,
      'conditionNotMet',
      `Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'.`,
    )
  }
  world.put(collection, name, { ...instance, status: 'STOPPING' })
  const disks = collection.replace(/instances$/, 'disks')
  const finish = () => {
    world.remove(collection, name)
    for (const { source, autoDelete } of instance.disks as readonly {
      readonly source: string
      readonly autoDelete?: boolean
    }[]) {
      const disk = source.slice(source.lastIndexOf('/') + 1)
      const present = world.find(disks, disk)
      if (autoDelete === true) world.remove(disks, disk)
      else if (present !== undefined) world.put(disks, disk, { ...present, users: [] })
    }
  }
  return world.begin({ type: 'delete', collection, name, finish }, requestId)
}

/** Fields of a server that change while it runs; each is guarded by a fingerprint. */
const settable = { setLabels: 'labels', setTags: 'tags', setMetadata: 'metadata' } as const

/** Changes one of them. */
export function setOnInstance(
  world: World,
  collection: Collection,
  { name, verb, body }: { readonly name: string; readonly verb: keyof typeof settable; readonly body: Thing },
): Thing {
  const instance = world.get(collection, name)
  const field = settable[verb]
  const labels = field === 'labels'
  const present = labels ? instance.labelFingerprint : (instance[field] as Thing).fingerprint
  const given = labels ? body.labelFingerprint : body.fingerprint
  if (given !== present)
    throw new GoogleError(412, 'conditionNotMet', 'Supplied fingerprint does not match current fingerprint.')
  const value = labels
    ? { labels: body.labels ?? {}, labelFingerprint: world.fingerprint() }
    : { [field]: { ...body, fingerprint: world.fingerprint() } }
  const finish = () => void world.put(collection, name, { ...world.get(collection, name), ...value })
  return world.begin({ type: verb, collection, name, finish })
}
