import { Failure } from '@trellis/foundation/failure'
import { contains } from './addresses.ts'
import type { Images } from './images.ts'
import type { MachineHost } from './machine-host.ts'
import { flavorOf, type Limits, requireQuota, usageOf } from './quota.ts'
import type { ServerRecord } from './records.ts'
import { type Quota, type Server, type ServerRequest, userDataLimitBytes } from './schemas.ts'
import { type Selection, selects } from './selection.ts'
import type { ServerLifecycle } from './server-lifecycle.ts'
import { inNetwork, instant, type Made, networkFor, newId, type ServiceContext } from './service-context.ts'

/** Servers. Creation and deletion return at once and go on in the background. */
export interface ServerService {
  create(request: ServerRequest): Promise<Made<Server>>
  list(selection: Selection): readonly Server[]
  get(id: string): Server
  /** Returns once the deletion can no longer be forgotten; throws `NotFound` when the server is gone. */
  remove(id: string): Promise<Server>
  console(id: string, lines: number): Promise<string>
  quota(): Quota
}

/** What the service needs beside the common context. */
export interface ServerServiceOptions {
  readonly context: ServiceContext
  readonly images: Images
  readonly machines: MachineHost
  readonly lifecycle: ServerLifecycle
  readonly limits: Limits
  /** Takes a server out of all load balancers. */
  readonly forgetTarget: (serverId: string) => Promise<void>
}

/** Creates the service over a store. */
export function createServerService(options: ServerServiceOptions): ServerService {
  const { context, machines, limits } = options
  const { store } = context
  return {
    create: (request) => create(options, request),
    list: (selection) =>
      store
        .list('server')
        .filter((server) => selects(selection, server))
        .filter(inNetwork(store, selection.network))
        .map(viewOf),
    get: (id) => viewOf(store.get('server', id)),
    remove: (id) => remove(options, id),
    console: async (id, lines) => {
      store.get('server', id)
      return await machines.console(id, lines)
    },
    quota: () => usageOf(store.list('server'), limits),
  }
}

async function create(options: ServerServiceOptions, request: ServerRequest): Promise<Made<Server>> {
  const { context, images, lifecycle, limits } = options
  const { store, addresses } = context
  const flavor = flavorOf(request.flavor)
  checkUserData(request.userData)
  const { metadataService } = request
  if (metadataService !== undefined) checkMetadataService(context, metadataService.url)
  await images.get(request.image)
  // Nothing below pauses until the record is in the store, so two requests for one name or for the last place cannot both pass.
  const network = networkFor(context, request.network)
  const existing = store.list('server').find((it) => it.network === network.id && it.name === request.name)
  if (existing !== undefined) return { made: false, value: viewOf(sameOrThrow(existing, request)) }
  requireQuota(usageOf(store.list('server'), limits), flavor)
  const record: ServerRecord = {
    id: newId(context, 'server'),
    name: request.name,
    tags: request.tags ?? {},
    createdAt: instant(context),
    network: network.id,
    image: request.image,
    flavor: request.flavor,
    userData: request.userData,
    state: 'creating',
    privateAddress:
      request.privateAddress === undefined
        ? addresses.nextPrivate(network)
        : addresses.thisPrivate(network, request.privateAddress),
    publicAddress: addresses.nextPublic(),
    ...(metadataService === undefined ? {} : { metadataService }),
  }
  await store.put('server', record)
  lifecycle.proceed(record.id)
  return { made: true, value: viewOf(record) }
}

function sameOrThrow(existing: ServerRecord, request: ServerRequest): ServerRecord {
  if (existing.state === 'deleting') {
    throw new Failure('Conflict', `a server ${existing.name} is still being deleted`, {
      field: 'name',
      remedy: 'try again when it is gone, or choose another name',
    })
  }
  for (const field of ['image', 'flavor', 'privateAddress'] as const) {
    if (existing[field] === (request[field] ?? existing[field])) continue
    throw new Failure('Conflict', `server ${existing.name} exists already with ${field} ${existing[field]}`, {
      field,
      remedy: 'choose another name, or delete that server first',
    })
  }
  return existing
}

async function remove({ context, lifecycle, forgetTarget }: ServerServiceOptions, id: string): Promise<Server> {
  const { store } = context
  if (store.isUnreadable('server', id)) return await removeUnreadable(context, lifecycle, id)
  const server = store.get('server', id)
  const deleting: ServerRecord = { ...server, state: 'deleting' }
  if (server.state !== 'deleting') {
    await store.put('server', deleting)
    const routes = store.list('route').filter((route) => route.nextHopServer === id)
    await Promise.all([forgetTarget(id), ...routes.map((route) => store.remove('route', route.id))])
    lifecycle.proceed(id)
  }
  return viewOf(deleting)
}

/** A server whose record cannot be read is replaced by a record that says no more than that it is to go. */
async function removeUnreadable(context: ServiceContext, lifecycle: ServerLifecycle, id: string): Promise<Server> {
  const { store, addresses } = context
  await store.remove('server', id)
  const record: ServerRecord = {
    id,
    name: id,
    tags: {},
    createdAt: instant(context),
    network: 'unknown',
    image: 'unknown',
    flavor: 'unknown',
    userData: '',
    state: 'deleting',
    privateAddress: '0.0.0.0',
    publicAddress: addresses.nextPublic(),
  }
  await store.put('server', record)
  lifecycle.proceed(id)
  return viewOf(record)
}

/** The daemon asks in the server's stead, so it must not be led to what only the daemon can reach. */
function checkMetadataService({ publicRange }: ServiceContext, url: string): void {
  if (URL.canParse(url) && contains(publicRange, new URL(url).hostname)) return
  throw new Failure('Invalid', `${url} is not in the cloud's public network`, {
    field: 'metadataService.url',
    remedy: `use an address of ${publicRange.text} and a port`,
  })
}

function checkUserData(userData: string): void {
  const bytes = Buffer.byteLength(userData)
  if (bytes <= userDataLimitBytes) return
  throw new Failure('Invalid', `user-data has ${bytes} bytes, at most ${userDataLimitBytes} are possible`, {
    field: 'userData',
    remedy: 'let the user-data fetch what is large instead of carrying it',
  })
}

function viewOf({ userData: _secret, process: _internal, ...server }: ServerRecord): Server {
  return server
}
