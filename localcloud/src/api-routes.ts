import type { TSchema } from 'typebox'
import Type from 'typebox'
import type { Images } from './images.ts'
import type { LoadBalancerService } from './load-balancer-service.ts'
import type { NetworkService } from './network-service.ts'
import { flavors } from './quota.ts'
import {
  flavorSchema,
  imageSchema,
  loadBalancerRequestSchema,
  loadBalancerSchema,
  nameSchema,
  networkRequestSchema,
  networkSchema,
  quotaSchema,
  routeRequestSchema,
  routeSchema,
  serverRequestSchema,
  serverSchema,
  type Version,
  versionSchema,
} from './schemas.ts'
import type { Selection } from './selection.ts'
import type { ServerService } from './server-service.ts'
import type { Made } from './service-context.ts'

/** What the API is served from. */
export interface Services {
  readonly networks: NetworkService
  readonly servers: ServerService
  readonly loadBalancers: LoadBalancerService
  readonly images: Images
  readonly version: () => Version
}

/** One request after its body has been checked. */
export interface ApiRequest {
  readonly parameters: Readonly<Record<string, string>>
  readonly selection: Selection
  readonly lines: number
  readonly body: unknown
}

/** What is answered. A text is sent as it is, any other value as JSON. */
export interface ApiAnswer {
  readonly status: number
  readonly body?: unknown
}

/** One route of the API: everything that serving it and describing it needs. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With parameters in braces. */
  readonly path: string
  readonly operation: string
  readonly summary: string
  readonly query?: readonly ('tag' | 'name' | 'network' | 'lines')[]
  readonly body?: TSchema
  /** Answers other than errors, by status; undefined where there is no body, `text` for plain text. */
  readonly answers: Readonly<Record<number, TSchema | 'text' | undefined>>
  readonly handle: (services: Services, request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>
}

const listOf = (schema: TSchema) => Type.Object({ items: Type.Array(schema) }, { additionalProperties: false })
const ok = (body: unknown): ApiAnswer => ({ status: 200, body })
const items = (list: readonly unknown[]): ApiAnswer => ok({ items: list })
const made = ({ made: isNew, value }: Made<unknown>): ApiAnswer => ({ status: isNew ? 201 : 200, body: value })
const parameter = (request: ApiRequest, name: string): string => request.parameters[name] ?? ''

/** A handler whose body has the type of its schema: the server has checked it before. */
function withBody<Schema extends TSchema>(
  body: Schema,
  handle: (services: Services, body: Type.Static<Schema>, request: ApiRequest) => Promise<ApiAnswer>,
): Pick<ApiRoute, 'body' | 'handle'> {
  return { body, handle: (services, request) => handle(services, request.body as Type.Static<Schema>, request) }
}

const networkRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/v1/networks',
    operation: 'createNetwork',
    summary: 'Make a network; the same name and range again returns the existing one',
    answers: { 200: networkSchema, 201: networkSchema },
    ...withBody(networkRequestSchema, async ({ networks }, body) => made(await networks.create(body))),
  },
  {
    method: 'GET',
    path: '/v1/networks',
    operation: 'listNetworks',
    summary: 'List networks',
    query: ['tag', 'name'],
    answers: { 200: listOf(networkSchema) },
    handle: ({ networks }, { selection }) => items(networks.list(selection)),
  },
  {
    method: 'GET',
    path: '/v1/networks/{id}',
    operation: 'getNetwork',
    summary: 'Read a network',
    answers: { 200: networkSchema },
    handle: ({ networks }, request) => ok(networks.get(parameter(request, 'id'))),
  },
  {
    method: 'DELETE',
    path: '/v1/networks/{id}',
    operation: 'deleteNetwork',
    summary: 'Delete a network that holds no server and no load balancer',
    answers: { 204: undefined },
    handle: async ({ networks }, request) => {
      await networks.remove(parameter(request, 'id'))
      return { status: 204 }
    },
  },
  {
    method: 'POST',
    path: '/v1/networks/{id}/routes',
    operation: 'createRoute',
    summary: 'Route a range to a server; a repeat returns the existing route',
    answers: { 200: routeSchema, 201: routeSchema },
    ...withBody(routeRequestSchema, async ({ networks }, body, request) =>
      made(await networks.createRoute(parameter(request, 'id'), body)),
    ),
  },
  {
    method: 'GET',
    path: '/v1/networks/{id}/routes',
    operation: 'listRoutes',
    summary: 'List the routes of a network',
    answers: { 200: listOf(routeSchema) },
    handle: ({ networks }, request) => items(networks.listRoutes(parameter(request, 'id'))),
  },
  {
    method: 'DELETE',
    path: '/v1/networks/{id}/routes/{route}',
    operation: 'deleteRoute',
    summary: 'Delete a route',
    answers: { 204: undefined },
    handle: async ({ networks }, request) => {
      await networks.removeRoute(parameter(request, 'id'), parameter(request, 'route'))
      return { status: 204 }
    },
  },
]

const serverRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/v1/servers',
    operation: 'createServer',
    summary: 'Make a server; returns at once, a repeat returns the existing one',
    answers: { 200: serverSchema, 201: serverSchema },
    ...withBody(serverRequestSchema, async ({ servers }, body) => made(await servers.create(body))),
  },
  {
    method: 'GET',
    path: '/v1/servers',
    operation: 'listServers',
    summary: 'List servers',
    query: ['tag', 'name', 'network'],
    answers: { 200: listOf(serverSchema) },
    handle: ({ servers }, { selection }) => items(servers.list(selection)),
  },
  {
    method: 'GET',
    path: '/v1/servers/{id}',
    operation: 'getServer',
    summary: 'Read a server',
    answers: { 200: serverSchema },
    handle: ({ servers }, request) => ok(servers.get(parameter(request, 'id'))),
  },
  {
    method: 'DELETE',
    path: '/v1/servers/{id}',
    operation: 'deleteServer',
    summary: 'Delete a server; goes on in the background until the server is not found any more',
    answers: { 202: serverSchema },
    handle: async ({ servers }, request) => ({ status: 202, body: await servers.remove(parameter(request, 'id')) }),
  },
  {
    method: 'GET',
    path: '/v1/servers/{id}/console',
    operation: 'readConsole',
    summary: 'The last lines that the server wrote to its console',
    query: ['lines'],
    answers: { 200: 'text' },
    handle: async ({ servers }, request) => ok(await servers.console(parameter(request, 'id'), request.lines)),
  },
]

const loadBalancerRoutes: readonly ApiRoute[] = [
  {
    method: 'PUT',
    path: '/v1/load-balancers/{name}',
    operation: 'setLoadBalancer',
    summary: 'Set the whole configuration of a load balancer; made when there is none',
    answers: { 200: loadBalancerSchema, 201: loadBalancerSchema },
    ...withBody(loadBalancerRequestSchema, async ({ loadBalancers }, body, request) =>
      made(await loadBalancers.set(parameter(request, 'name'), body)),
    ),
  },
  {
    method: 'GET',
    path: '/v1/load-balancers',
    operation: 'listLoadBalancers',
    summary: 'List load balancers',
    query: ['tag', 'name', 'network'],
    answers: { 200: listOf(loadBalancerSchema) },
    handle: ({ loadBalancers }, { selection }) => items(loadBalancers.list(selection)),
  },
  {
    method: 'GET',
    path: '/v1/load-balancers/{name}',
    operation: 'getLoadBalancer',
    summary: 'Read a load balancer',
    answers: { 200: loadBalancerSchema },
    handle: ({ loadBalancers }, request) => ok(loadBalancers.get(parameter(request, 'name'))),
  },
  {
    method: 'DELETE',
    path: '/v1/load-balancers/{name}',
    operation: 'deleteLoadBalancer',
    summary: 'Delete a load balancer and free its address',
    answers: { 204: undefined },
    handle: async ({ loadBalancers }, request) => {
      await loadBalancers.remove(parameter(request, 'name'))
      return { status: 204 }
    },
  },
]

const catalogueRoutes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/v1/flavors',
    operation: 'listFlavors',
    summary: 'List the sizes of servers',
    answers: { 200: listOf(flavorSchema) },
    handle: () => items(flavors),
  },
  {
    method: 'GET',
    path: '/v1/images',
    operation: 'listImages',
    summary: 'List machine images',
    answers: { 200: listOf(imageSchema) },
    handle: async ({ images }) => items(await images.list()),
  },
  {
    method: 'GET',
    path: '/v1/quota',
    operation: 'readQuota',
    summary: 'What may be used and what is used',
    answers: { 200: quotaSchema },
    handle: ({ servers }) => ok(servers.quota()),
  },
  {
    method: 'GET',
    path: '/v1/version',
    operation: 'readVersion',
    summary: 'Who answers, and which state files cannot be read',
    answers: { 200: versionSchema },
    handle: ({ version }) => ok(version()),
  },
]

/** Every route of the API. */
export const apiRoutes: readonly ApiRoute[] = [
  ...networkRoutes,
  ...serverRoutes,
  ...loadBalancerRoutes,
  ...catalogueRoutes,
]

/** What a parameter in a path must look like; only a load balancer's name is chosen by the caller. */
export const parameterSchemas: Readonly<Record<string, TSchema>> = {
  id: Type.String(),
  route: Type.String(),
  name: nameSchema,
}
