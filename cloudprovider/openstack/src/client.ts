import type { CallOptions, MachineDeletion } from '@trellis/cloudprovider/contract/driver'
import { Failure, isFailure } from '@trellis/foundation/failure'
import type { LibraryResource, LibraryToken } from 'openstack-client'
import type { Connection, ServiceCall } from './connection.ts'
import type {
  ExtraRoute,
  FloatingIp,
  Identified,
  Keypair,
  Listener,
  LoadBalancer,
  Member,
  Network,
  Pool,
  Port,
  Router,
  SecurityGroup,
  SecurityGroupRule,
  Server,
  Subnet,
  Volume,
} from './resources.ts'

/** What a list is narrowed down by, as the service's API names it; a list of values is given one by one. */
export type Filter = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** The fields of what is made or changed, as the service's API names them. */
export type Fields = Readonly<Record<string, unknown>>

/** Things of one sort at the cloud. Every fault is a `Failure`; nothing is tried again but what met an expired token. */
export interface Collection<Item> {
  /** All that match, through all pages. */
  list(filter: Filter, call?: CallOptions): Promise<readonly Item[]>
  /** `NotFound` when there is none of that id. */
  get(id: string, call?: CallOptions): Promise<Item>
  create(fields: Fields, call?: CallOptions): Promise<Item>
  update(id: string, fields: Fields, call?: CallOptions): Promise<Item>
  /** `deleting` when the service took it, `gone` when there is none. */
  remove(id: string, call?: CallOptions): Promise<MachineDeletion>
}

/** Scheduler hints and microversion of a server that is to be made. */
export interface ServerWish {
  readonly server: Fields
  readonly hints?: Fields
  /** Lowest microversion of Nova that knows all its fields, when the usual one does not. */
  readonly microversion?: string
}

/** The calls of an OpenStack that are in use, in one region, as one account. */
export interface OpenStackClient extends Disposable {
  readonly servers: Pick<Collection<Server>, 'list' | 'get' | 'remove'>
  createServer(wish: ServerWish, call?: CallOptions): Promise<{ readonly id: string }>
  /** Replaces all of a server's metadata. */
  setServerMetadata(id: string, metadata: Readonly<Record<string, string>>, call?: CallOptions): Promise<void>
  /** Replaces all of a server's tags. */
  setServerTags(id: string, tags: readonly string[], call?: CallOptions): Promise<void>
  consoleOutput(id: string, lines: number, call?: CallOptions): Promise<string>
  readonly flavors: Pick<Collection<Identified>, 'list'>
  readonly images: Pick<Collection<Identified>, 'list'>
  /** By name. */
  readonly keypairs: Pick<Collection<Keypair>, 'get' | 'create' | 'remove'>
  readonly ports: Collection<Port>
  readonly networks: Collection<Network>
  readonly subnets: Collection<Subnet>
  readonly routers: Collection<Router>
  readonly securityGroups: Collection<SecurityGroup>
  readonly securityGroupRules: Pick<Collection<SecurityGroupRule>, 'list' | 'create' | 'remove'>
  readonly floatingIps: Collection<FloatingIp>
  /** Replaces all tags of a thing of Neutron; `kind` is the plural in its path, as in `ports`. */
  setNetworkTags(kind: string, id: string, tags: readonly string[], call?: CallOptions): Promise<void>
  /** Repeats are harmless. */
  addRouterInterface(router: string, subnet: string, call?: CallOptions): Promise<void>
  /** None there is success. */
  removeRouterInterface(router: string, subnet: string, call?: CallOptions): Promise<void>
  /** Adds routes to a router, beside those that are there; repeats are harmless. */
  addRouterRoutes(router: string, routes: readonly ExtraRoute[], call?: CallOptions): Promise<void>
  /** Takes these routes and no others; none there is success. */
  removeRouterRoutes(router: string, routes: readonly ExtraRoute[], call?: CallOptions): Promise<void>
  /** Whether the cloud serves volumes. */
  hasVolumes(call?: CallOptions): Promise<boolean>
  /** Whether the cloud serves load balancers. */
  hasLoadBalancers(call?: CallOptions): Promise<boolean>
  /** `Unimplemented` where it serves none; one is removed with all its parts. */
  readonly loadBalancers: Pick<Collection<LoadBalancer>, 'list' | 'get' | 'create' | 'remove'>
  readonly listeners: Pick<Collection<Listener>, 'list' | 'create' | 'remove'>
  readonly pools: Pick<Collection<Pool>, 'list' | 'create' | 'remove'>
  members(pool: string, call?: CallOptions): Promise<readonly Member[]>
  /** Replaces all members of a pool. */
  setMembers(pool: string, members: readonly Fields[], call?: CallOptions): Promise<void>
  /** `Unimplemented` where it serves none. */
  readonly volumes: Pick<Collection<Volume>, 'list' | 'get' | 'create' | 'remove'>
}

/**
 * The cloud over `openstack-client`: that package knows the resources, their paths, the words around bodies, and looks addresses up in the catalogue. What it lacks is added
 * by {@link Connection}, over which its requests go (decision 24).
 */
export function createOpenStackClient(connection: Connection, region: string, close: () => void): OpenStackClient {
  const use = createUse(connection, region)
  const neutron = <Item>(name: keyof Library['neutron']) => collection<Item>(use, ({ neutron }) => neutron[name])
  const servers = collection<Server>(use, ({ nova }) => ({ ...nova.server, list: nova.serverDetail.list }))
  return {
    servers,
    ...serverCalls(use),
    flavors: collection(use, ({ nova }) => nova.flavorDetail),
    images: collection(use, ({ glance }) => glance.image),
    keypairs: collection(use, ({ nova }) => nova.keypair),
    ports: neutron('port'),
    networks: neutron('network'),
    subnets: neutron('subnet'),
    routers: neutron('router'),
    securityGroups: neutron('securityGroup'),
    securityGroupRules: neutron('securityGroupRule'),
    floatingIps: neutron('floatingip'),
    ...networkCalls(use),
    volumes: collection(use, ({ volume }) => volume),
    loadBalancers: collection(use, ({ loadBalancer }) => loadBalancer),
    listeners: collection(use, ({ listener }) => listener),
    pools: collection(use, ({ pool }) => pool),
    members: (pool, call) =>
      use(call, ({ members }, ...to) => invoke(members.ofPool, ...to, encode(pool))).then(asList<Member>),
    setMembers: (pool, members, call) =>
      use(call, (library, ...to) => invoke(library.members.replace, ...to, encode(pool), { members })),
    hasLoadBalancers: async (call) =>
      (await connection.login(call?.signal)).catalogue.some(({ type }) => type === 'load-balancer'),
    hasVolumes: async (call) =>
      (await connection.login(call?.signal)).catalogue.some(({ type }) => type === 'volumev3'),
    [Symbol.dispose]: close,
  }
}

type Library = Awaited<ReturnType<typeof loadLibrary>>

/** Makes a request through the package; ids are safe in its paths. */
type Use = <Answer>(
  options: CallOptions | undefined,
  work: (library: Library, token: LibraryToken, region: string) => Promise<unknown>,
) => Promise<Answer>

function createUse(connection: Connection, region: string): Use {
  return async <Answer>(
    options: CallOptions | undefined,
    work: (library: Library, token: LibraryToken, region: string) => Promise<unknown>,
  ) => {
    const signal = options?.signal
    signal?.throwIfAborted()
    const { catalogue } = await connection.login(signal)
    const send = (call: ServiceCall) => connection.send(signal === undefined ? call : { ...call, signal })
    const token: RoutedToken = { token: '', catalog: catalogue, send }
    try {
      return (await work(await loadLibrary(), token, region)) as Answer
    } catch (error) {
      if (error instanceof Failure || signal?.aborted) throw error
      throw new Failure('Unimplemented', `the cloud lacks a service in region ${region}`, { cause: error })
    }
  }
}

/** A token that carries the connection over which what is asked with it goes. */
interface RoutedToken extends LibraryToken {
  readonly send: (call: ServiceCall) => Promise<unknown>
}

let loading: Promise<ReturnType<typeof extendLibrary>> | undefined

/** Loads the package when it is needed first: with other providers it never is. */
function loadLibrary(): Promise<ReturnType<typeof extendLibrary>> {
  loading ??= load()
  return loading
}

async function load() {
  const [{ default: library }, { default: methods }] = await Promise.all([
    import('openstack-client'),
    import('openstack-client/lib/util.js'),
  ])
  for (const [name, method] of [
    ['get', 'GET'],
    ['post', 'POST'],
    ['put', 'PUT'],
    ['patch', 'PATCH'],
    ['del', 'DELETE'],
    ['head', 'HEAD'],
  ] as const) {
    methods[name] = async ({ url, token, params, headers, body }) => {
      const { send } = token as RoutedToken
      const answer = await send({
        method,
        url,
        body,
        ...(params === undefined ? {} : { query: params }),
        ...(headers === undefined ? {} : { headers }),
      })
      return { body: answer, header: {} }
    }
  }
  return extendLibrary(library)
}

/** Resources that the package does not know, described by its own means. */
function extendLibrary(library: typeof import('openstack-client')['default']) {
  const { defres } = library
  const replace = { only: [], replace: ['put', '', null] }
  return {
    nova: library.nova,
    neutron: library.neutron,
    glance: library.glance,
    serverTags: defres('compute', '/servers/:id/tags', null, replace),
    serverMetadata: defres('compute', '/servers/:id/metadata', null, replace),
    serverAction: defres('compute', '/servers/:id/action', null, { only: [], act: ['post', '', null] }),
    networkTags: defres('network', '/v2.0/:kind/:id/tags', null, replace),
    routerAction: defres('network', '/v2.0/routers/:id/:action', null, replace),
    loadBalancer: withCascade(defres('load-balancer', '/v2/lbaas/loadbalancers', 'loadbalancer')),
    listener: defres('load-balancer', '/v2/lbaas/listeners', 'listener'),
    pool: defres('load-balancer', '/v2/lbaas/pools', 'pool'),
    members: defres('load-balancer', '/v2/lbaas/pools/:id/members', null, {
      ...replace,
      ofPool: ['get', '', 'members'],
    }),
    volume: { ...defres('volumev3', '/volumes', 'volume'), list: defres('volumev3', '/volumes/detail', 'volume').list },
  }
}

/** Octavia refuses to remove a load balancer that has parts, unless it is told to take them too. */
function withCascade<Resource extends LibraryResource>(resource: Resource): LibraryResource {
  return { ...resource, del: (token, region, id, body) => resource.del(token, region, id, body, { cascade: true }) }
}

function collection<Item>(use: Use, choose: (library: Library) => LibraryResource): Collection<Item> {
  const checked = (answer: unknown): Item => {
    if (typeof answer === 'object' && answer !== null) return answer as Item
    throw new Failure('Unavailable', 'an answer of the cloud does not hold what was asked for')
  }
  return {
    list: async (filter, call) => {
      const items = await use<unknown>(call, (library, token, region) => choose(library).list(token, region, filter))
      return asList(items)
    },
    get: async (id, call) =>
      checked(await use(call, (library, token, region) => choose(library).show(token, region, encode(id)))),
    create: async (fields, call) =>
      checked(await use(call, (library, token, region) => choose(library).create(token, region, fields))),
    update: async (id, fields, call) =>
      checked(await use(call, (library, token, region) => choose(library).update(token, region, encode(id), fields))),
    remove: async (id, call) => {
      try {
        await use(call, (library, token, region) => choose(library).del(token, region, encode(id), null))
        return 'deleting'
      } catch (error) {
        if (isFailure(error, 'NotFound')) return 'gone'
        throw error
      }
    },
  }
}

function asList<Item>(items: unknown): readonly Item[] {
  if (Array.isArray(items)) return items as readonly Item[]
  throw new Failure('Unavailable', 'an answer of the cloud does not hold the list that was asked for')
}

function serverCalls(use: Use) {
  return {
    createServer: async ({ server, hints, microversion }: ServerWish, call?: CallOptions) => {
      const body = { server, ...(hints === undefined ? {} : { 'os:scheduler_hints': hints }) }
      const headers = microversion === undefined ? undefined : { 'openstack-api-version': `compute ${microversion}` }
      const answer = await use<{ server?: { id?: unknown } } | undefined>(call, ({ nova }, token, region) =>
        nova.server.create(token, region, body, undefined, headers),
      )
      const id = answer?.server?.id
      if (typeof id !== 'string') throw new Failure('Timeout', 'Nova took a server and did not say its id')
      return { id }
    },
    setServerMetadata: (id: string, metadata: Readonly<Record<string, string>>, call?: CallOptions) =>
      use<void>(call, ({ serverMetadata }, ...to) => invoke(serverMetadata.replace, ...to, encode(id), { metadata })),
    setServerTags: (id: string, tags: readonly string[], call?: CallOptions) =>
      use<void>(call, ({ serverTags }, ...to) => invoke(serverTags.replace, ...to, encode(id), { tags })),
    consoleOutput: async (id: string, lines: number, call?: CallOptions) => {
      const answer = await use<{ output?: unknown } | undefined>(call, ({ serverAction }, ...to) =>
        invoke(serverAction.act, ...to, encode(id), { 'os-getConsoleOutput': { length: lines } }),
      )
      return typeof answer?.output === 'string' ? answer.output : ''
    },
  }
}

function networkCalls(use: Use) {
  const act = async (router: string, action: string, body: object, call?: CallOptions) => {
    await use<void>(call, ({ routerAction }, ...to) =>
      invoke(routerAction.replace, ...to, encode(router), action, body),
    )
  }
  const subnetAction = (router: string, action: string, subnet: string, call?: CallOptions) =>
    act(router, action, { subnet_id: subnet }, call)
  return {
    setNetworkTags: (kind: string, id: string, tags: readonly string[], call?: CallOptions) =>
      use<void>(call, ({ networkTags }, ...to) =>
        invoke(networkTags.replace, ...to, encode(kind), encode(id), { tags }),
      ),
    addRouterInterface: (router: string, subnet: string, call?: CallOptions) =>
      subnetAction(router, 'add_router_interface', subnet, call),
    addRouterRoutes: (router: string, routes: readonly ExtraRoute[], call?: CallOptions) =>
      act(router, 'add_extraroutes', { router: { routes } }, call),
    removeRouterRoutes: (router: string, routes: readonly ExtraRoute[], call?: CallOptions) =>
      act(router, 'remove_extraroutes', { router: { routes } }, call),
    removeRouterInterface: async (router: string, subnet: string, call?: CallOptions) => {
      try {
        await subnetAction(router, 'remove_router_interface', subnet, call)
      } catch (error) {
        if (!isFailure(error, 'NotFound')) throw error
      }
    },
  }
}

/** Calls a verb that was described with {@link extendLibrary}. */
function invoke(verb: ((...args: readonly unknown[]) => Promise<unknown>) | undefined, ...args: readonly unknown[]) {
  if (verb === undefined) throw new Failure('Unimplemented', 'openstack-client lacks a verb that it was given')
  return verb(...args)
}

/** The package puts ids into paths as they are. */
function encode(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new Failure('NotFound', 'there is nothing with an empty id')
  return encodeURIComponent(id)
}
