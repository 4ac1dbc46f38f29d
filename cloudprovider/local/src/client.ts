import { Failure, isFailure } from '@trellis/foundation/failure'
import type {
  CloudVersion,
  Deletion,
  Flavor,
  Image,
  ListFilter,
  LoadBalancer,
  LoadBalancerRequest,
  Network,
  NetworkedListFilter,
  NetworkRequest,
  Quota,
  Route,
  RouteRequest,
  Server,
  ServerRequest,
} from './client-types.ts'
import { type CloudAddress, createHttpCaller } from './http-caller.ts'

export type * from './client-types.ts'
export type { CloudAddress } from './http-caller.ts'

/** Ends a call early: it then rejects with the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/**
 * Every route of the local cloud's API, typed. Each method is one HTTP exchange without retries; all creations may be repeated.
 * Every fault is a `Failure` with the cloud's own kind, field and remedy (`NotFound`, `Conflict`, `Invalid`, `Exhausted`, `Unauthorized`),
 * or `Unavailable` when the cloud cannot be reached.
 */
export interface CloudClient extends Disposable {
  version(options?: CallOptions): Promise<CloudVersion>
  flavors(options?: CallOptions): Promise<readonly Flavor[]>
  images(options?: CallOptions): Promise<readonly Image[]>
  quota(options?: CallOptions): Promise<Quota>

  /** Returns once the network is ready for use. */
  createNetwork(request: NetworkRequest, options?: CallOptions): Promise<Network>
  listNetworks(filter?: ListFilter, options?: CallOptions): Promise<readonly Network[]>
  getNetwork(id: string, options?: CallOptions): Promise<Network>
  /** `Conflict` while servers or load balancers are in it. */
  deleteNetwork(id: string, options?: CallOptions): Promise<Deletion>

  /** Returns once packets follow the route. */
  createRoute(network: string, request: RouteRequest, options?: CallOptions): Promise<Route>
  listRoutes(network: string, options?: CallOptions): Promise<readonly Route[]>
  deleteRoute(network: string, id: string, options?: CallOptions): Promise<Deletion>

  /** Returns at once, in state `creating`; ask again with {@link CloudClient.getServer}. */
  createServer(request: ServerRequest, options?: CallOptions): Promise<Server>
  listServers(filter?: NetworkedListFilter, options?: CallOptions): Promise<readonly Server[]>
  getServer(id: string, options?: CallOptions): Promise<Server>
  /** `deleting` while it proceeds in the background; repeat until `gone`. */
  deleteServer(id: string, options?: CallOptions): Promise<Deletion>
  /** The last lines that the machine wrote to its console; 200 unless told. */
  console(id: string, lines?: number, options?: CallOptions): Promise<string>

  /** Sets the whole configuration of the load balancer of that name, made when there is none; its address never changes. Returns once packets flow. */
  setLoadBalancer(name: string, request: LoadBalancerRequest, options?: CallOptions): Promise<LoadBalancer>
  listLoadBalancers(filter?: NetworkedListFilter, options?: CallOptions): Promise<readonly LoadBalancer[]>
  getLoadBalancer(name: string, options?: CallOptions): Promise<LoadBalancer>
  deleteLoadBalancer(name: string, options?: CallOptions): Promise<Deletion>
}

/** Makes a client for the cloud at `address`; nothing is sent before the first call. Disposing it closes idle connections. */
export function createCloudClient(address: CloudAddress): CloudClient {
  const caller = createHttpCaller(address)
  const send = async <Answer>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer> =>
    parseAnswer<Answer>((await caller.call(method, path, body, options?.signal)).text)
  const list = async <Item>(path: string, filter?: NetworkedListFilter, options?: CallOptions) =>
    (await send<{ items: readonly Item[] }>('GET', `${path}${queryOf(filter)}`, undefined, options)).items
  const remove = async (path: string, options?: CallOptions): Promise<Deletion> => {
    try {
      return (await caller.call('DELETE', path, undefined, options?.signal)).status === 202 ? 'deleting' : 'gone'
    } catch (error) {
      if (isFailure(error, 'NotFound')) return 'gone'
      throw error
    }
  }
  const path = (...parts: readonly string[]) => `/v1/${parts.map(encodeURIComponent).join('/')}`

  return {
    version: (options) => send('GET', path('version'), undefined, options),
    flavors: (options) => list(path('flavors'), undefined, options),
    images: (options) => list(path('images'), undefined, options),
    quota: (options) => send('GET', path('quota'), undefined, options),

    createNetwork: (request, options) => send('POST', path('networks'), request, options),
    listNetworks: (filter, options) => list(path('networks'), filter, options),
    getNetwork: (id, options) => send('GET', path('networks', id), undefined, options),
    deleteNetwork: (id, options) => remove(path('networks', id), options),

    createRoute: (network, request, options) => send('POST', path('networks', network, 'routes'), request, options),
    listRoutes: (network, options) => list(path('networks', network, 'routes'), undefined, options),
    deleteRoute: (network, id, options) => remove(path('networks', network, 'routes', id), options),

    createServer: (request, options) => send('POST', path('servers'), request, options),
    listServers: (filter, options) => list(path('servers'), filter, options),
    getServer: (id, options) => send('GET', path('servers', id), undefined, options),
    deleteServer: (id, options) => remove(path('servers', id), options),
    console: async (id, lines = 200, options) =>
      (await caller.call('GET', `${path('servers', id, 'console')}?lines=${lines}`, undefined, options?.signal)).text,

    setLoadBalancer: (name, request, options) => send('PUT', path('load-balancers', name), request, options),
    listLoadBalancers: (filter, options) => list(path('load-balancers'), filter, options),
    getLoadBalancer: (name, options) => send('GET', path('load-balancers', name), undefined, options),
    deleteLoadBalancer: (name, options) => remove(path('load-balancers', name), options),

    [Symbol.dispose]: () => caller[Symbol.dispose](),
  }
}

/** The filter as a query string, `?tag=key=value&name=…`; empty when there is nothing to filter. */
export function queryOf(filter: NetworkedListFilter = {}): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(filter.tags ?? {})) query.append('tag', `${key}=${value}`)
  if (filter.name !== undefined) query.append('name', filter.name)
  if (filter.network !== undefined) query.append('network', filter.network)
  return query.size === 0 ? '' : `?${query}`
}

/** The cloud and this client are released together, so the shape is trusted once the text is JSON. */
function parseAnswer<Answer>(text: string): Answer {
  try {
    return JSON.parse(text) as Answer
  } catch (error) {
    throw new Failure('Unavailable', 'the cloud did not answer with JSON', { cause: error })
  }
}
