import type { Route as RawRoute, RouteTable as RawTable } from '@aws-sdk/client-ec2'
import { present } from './answers.ts'
import type { Filter } from './client-types.ts'
import { type Ec2Caller, filtersToSend } from './ec2-caller.ts'

/** Where a route of ours leads: EC2 knows servers with several interfaces by one of these alone. */
export type RouteTarget = { readonly InstanceId: string } | { readonly NetworkInterfaceId: string }

/** A route that leads to a server, or did. */
export interface ServerRoute {
  readonly destination: string
  /** Absent once the server is gone. */
  readonly instanceId?: string
  readonly interfaceId?: string
}

/** A route table, with those of its routes that lead to servers. */
export interface RouteTable {
  readonly id: string
  /** Whether everything without a nearer way goes straight to the internet, as in tables of public subnets. */
  readonly leadsToInternet: boolean
  readonly routes: readonly ServerRoute[]
}

/** The calls about routes, each one request (a question: one per page). Every fault is a `Failure`. */
export interface RouteTableClient {
  findTables(filters: readonly Filter[], signal?: AbortSignal): Promise<readonly RouteTable[]>
  createRoute(tableId: string, destination: string, target: RouteTarget, signal?: AbortSignal): Promise<void>
  /** The same for a destination that has a route. */
  replaceRoute(tableId: string, destination: string, target: RouteTarget, signal?: AbortSignal): Promise<void>
  /** `NotFound` when there is none. */
  deleteRoute(tableId: string, destination: string, signal?: AbortSignal): Promise<void>
}

/** Where everything goes that has no nearer way; such a route is never a node's. */
const everywhere = '0.0.0.0/0'

/** Most tables that one page of an answer holds. */
const pageSize = 100

/** Route tables through the SDK. */
export function createRouteTableClient({ call }: Ec2Caller): RouteTableClient {
  return {
    findTables: async (filters, signal) => {
      const found: RouteTable[] = []
      let NextToken: string | undefined
      do {
        const page = { MaxResults: pageSize, Filters: filtersToSend(filters), ...(NextToken ? { NextToken } : {}) }
        const answer = await call(
          'DescribeRouteTables',
          'read',
          ({ client, sdk }, options) => client.send(new sdk.DescribeRouteTablesCommand(page), options),
          signal,
        )
        found.push(...(answer.RouteTables ?? []).map(readTable))
        NextToken = answer.NextToken
      } while (NextToken !== undefined && NextToken !== '')
      return found
    },
    createRoute: async (RouteTableId, DestinationCidrBlock, target, signal) => {
      const route = { RouteTableId, DestinationCidrBlock, ...target }
      await call(
        'CreateRoute',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.CreateRouteCommand(route), options),
        signal,
      )
    },
    replaceRoute: async (RouteTableId, DestinationCidrBlock, target, signal) => {
      const route = { RouteTableId, DestinationCidrBlock, ...target }
      await call(
        'ReplaceRoute',
        'change',
        ({ client, sdk }, options) => client.send(new sdk.ReplaceRouteCommand(route), options),
        signal,
      )
    },
    deleteRoute: async (RouteTableId, DestinationCidrBlock, signal) => {
      await call(
        'DeleteRoute',
        'change',
        ({ client, sdk }, options) =>
          client.send(new sdk.DeleteRouteCommand({ RouteTableId, DestinationCidrBlock }), options),
        signal,
      )
    },
  }
}

function readTable({ RouteTableId, Routes = [] }: RawTable): RouteTable {
  return {
    id: present('DescribeRouteTables', 'the id of a table', RouteTableId),
    leadsToInternet: Routes.some(
      ({ DestinationCidrBlock, GatewayId }) => DestinationCidrBlock === everywhere && GatewayId?.startsWith('igw-'),
    ),
    routes: Routes.flatMap(readServerRoute),
  }
}

/** Routes to gateways and the like are nobody's business here. */
function readServerRoute({ DestinationCidrBlock, InstanceId, NetworkInterfaceId }: RawRoute): ServerRoute[] {
  if (!DestinationCidrBlock || DestinationCidrBlock === everywhere) return []
  if (!InstanceId && !NetworkInterfaceId) return []
  return [
    {
      destination: DestinationCidrBlock,
      ...(InstanceId ? { instanceId: InstanceId } : {}),
      ...(NetworkInterfaceId ? { interfaceId: NetworkInterfaceId } : {}),
    },
  ]
}
