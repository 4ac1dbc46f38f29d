import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import { isFailure } from '@trellis/foundation/failure'
import { awaitDone, bind, type Operation, pages } from './client.ts'
import type { GoogleConnection } from './connection.ts'

/** A route of a network. */
export interface GoogleRoute {
  readonly name: string
  /** Address of the network. */
  readonly network: string
  readonly destRange: string
  /** Address of the server that packets go to; absent where they go elsewhere. */
  readonly nextHopInstance?: string
}

/** A route that is to be. */
export interface GoogleRouteWish extends GoogleRoute {
  readonly description: string
  readonly priority: number
}

/** The calls about a cluster's network. What changes something resolves once the cloud is done with it. */
export interface NetworkClient {
  readonly project: string
  /** Every route of the project that leads to a server. */
  listRoutes(call?: CallOptions): Promise<readonly GoogleRoute[]>
  /** `Conflict` when there is one of that name. */
  insertRoute(route: GoogleRouteWish, call?: CallOptions): Promise<void>
  /** None there is success. */
  deleteRoute(name: string, call?: CallOptions): Promise<void>
}

const routeFields = 'nextPageToken,items(name,network,destRange,nextHopInstance)'

/** The calls over a connection. */
export function createNetworkClient(connection: GoogleConnection): NetworkClient {
  const routes = bind(connection, 'Routes')
  const finish = (operation: unknown, call?: CallOptions) =>
    awaitDone(connection, { service: 'GlobalOperations' }, (operation as Operation).name, call)
  return {
    project: connection.project,
    listRoutes: async (call) => {
      const found = await pages<GoogleRoute>(connection, 'Routes', {}, { ...call, fields: routeFields })
      return found.filter(({ nextHopInstance = '' }) => nextHopInstance !== '')
    },
    insertRoute: async (routeResource, call) => finish(await routes('Insert', { routeResource }, call), call),
    deleteRoute: async (route, call) => {
      try {
        await finish(await routes('Delete', { route }, call), call)
      } catch (error) {
        if (!isFailure(error, 'NotFound')) throw error
      }
    },
  }
}
