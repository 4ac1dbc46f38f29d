import type { CallBudget } from '@trellis/cloudprovider/contract/call-budget'
import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { awaitDone, type Operation, type OperationScope, pages } from '@trellis/cloudprovider/gcp/client'
import type { GoogleConnection } from '@trellis/cloudprovider/gcp/connection'
import { isFailure } from '@trellis/foundation/failure'

/** Sorts of things that infrastructure is made of, by the API's names. */
export type Sort =
  | 'Addresses'
  | 'Firewalls'
  | 'ForwardingRules'
  | 'Networks'
  | 'Routers'
  | 'Routes'
  | 'Subnetworks'
  | 'TargetPools'

/** Something at the cloud, as its API shows it. */
export type Thing = Readonly<Record<string, unknown>> & { readonly name: string; readonly selfLink: string }

/** The calls of Google's APIs that infrastructure makes. What changes something resolves once the cloud is done with it. */
export interface InfrastructureClient {
  readonly project: string
  find(
    sort: 'Addresses' | 'Firewalls' | 'Networks' | 'Routers' | 'Subnetworks',
    name: string,
  ): Promise<Thing | undefined>
  /** Everything of a sort in the region or project. */
  list(sort: 'Firewalls' | 'ForwardingRules' | 'Routes' | 'TargetPools', filter?: string): Promise<readonly Thing[]>
  /** `Conflict` when there is one of that name. `accepted` is called as soon as the cloud has begun. */
  create(
    sort: 'Firewalls' | 'Networks' | 'Routers' | 'Subnetworks',
    body: object,
    accepted: () => Promise<void>,
  ): Promise<void>
  patch(sort: 'Firewalls' | 'Routers' | 'Subnetworks', name: string, body: object): Promise<void>
  growSubnetwork(name: string, ipCidrRange: string): Promise<void>
  /** None there is success. */
  remove(sort: Sort, name: string): Promise<void>
  findServiceAccount(email: string): Promise<string | undefined>
  createServiceAccount(accountId: string, displayName: string): Promise<string>
  removeServiceAccount(email: string): Promise<void>
}

/** What a client needs beside credentials. */
export interface ClientPorts {
  readonly budget: CallBudget
  readonly metrics: CallMetrics
}

const regional: readonly Sort[] = ['Addresses', 'ForwardingRules', 'Routers', 'Subnetworks', 'TargetPools']
const identityHost = 'iam.googleapis.com'

/** The calls over a connection, about one region. */
export function createInfrastructureClient(
  connection: GoogleConnection,
  region: string,
  signal: AbortSignal,
): InfrastructureClient {
  const { project } = connection
  const where = (sort: Sort) => (regional.includes(sort) ? { project, region } : { project })
  const scopeOf = (sort: Sort): OperationScope =>
    regional.includes(sort) ? { service: 'RegionOperations', region } : { service: 'GlobalOperations' }
  const call = (sort: Sort, method: string, request: object) =>
    connection.compute(sort, method as never, { ...where(sort), ...request }, { signal })
  const finish = (sort: Sort, operation: unknown) =>
    awaitDone(connection, scopeOf(sort), (operation as Operation).name, { signal })
  return {
    project,
    find: (sort, name) => unlessMissing(call(sort, 'Get', { [singular(sort)]: name }) as Promise<Thing>),
    list: (sort, filter) =>
      pages<Thing>(connection, sort, { ...where(sort), ...(filter === undefined ? {} : { filter }) }, { signal }),
    create: async (sort, body, accepted) => {
      const operation = await call(sort, 'Insert', { [`${singular(sort)}Resource`]: body })
      await accepted()
      await finish(sort, operation)
    },
    patch: async (sort, name, body) => {
      const request = { [singular(sort)]: name, [`${singular(sort)}Resource`]: body }
      await finish(sort, await call(sort, 'Patch', request))
    },
    growSubnetwork: async (subnetwork, ipCidrRange) => {
      const request = { subnetwork, subnetworksExpandIpCidrRangeRequestResource: { ipCidrRange } }
      await finish('Subnetworks', await call('Subnetworks', 'ExpandIpCidrRange', request))
    },
    remove: async (sort, name) => {
      const operation = await unlessMissing(call(sort, 'Delete', { [singular(sort)]: name }))
      if (operation !== undefined) await finish(sort, operation)
    },
    ...accountCalls(connection, signal),
  }
}

/** Calls of the API of identities. */
function accountCalls(
  connection: GoogleConnection,
  signal: AbortSignal,
): Pick<InfrastructureClient, 'findServiceAccount' | 'createServiceAccount' | 'removeServiceAccount'> {
  const { project } = connection
  const accounts = (method: string, path: string, body?: object) =>
    connection.rest(
      {
        api: `iam.serviceAccounts.${method.toLowerCase()}`,
        method,
        host: identityHost,
        path: `/v1/projects/${project}/serviceAccounts${path}`,
        ...(body === undefined ? {} : { body }),
      },
      { signal },
    ) as Promise<{ readonly email?: string }>
  return {
    findServiceAccount: async (email) => (await unlessMissing(accounts('GET', `/${email}`)))?.email,
    createServiceAccount: async (accountId, displayName) => {
      const { email } = await accounts('POST', '', { accountId, serviceAccount: { displayName } })
      return email ?? `${accountId}@${project}.iam.gserviceaccount.com`
    },
    removeServiceAccount: async (email) => void (await unlessMissing(accounts('DELETE', `/${email}`))),
  }
}

/** Names of parameters: `Networks` are asked for one `network`. */
function singular(sort: Sort): string {
  const lower = `${sort.charAt(0).toLowerCase()}${sort.slice(1)}`
  return sort === 'Addresses' ? 'address' : lower.slice(0, -1)
}

async function unlessMissing<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}
