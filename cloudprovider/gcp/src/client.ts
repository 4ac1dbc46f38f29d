import type { CallOptions } from '@trellis/cloudprovider/contract/driver'
import type { GoogleConnection } from './connection.ts'
import { type CloudError, failureOfOperation } from './failures.ts'
import type { ComputeMethod, ComputeService } from './methods.ts'

/** A server as far as the driver looks at it. */
export interface Instance {
  readonly id: string
  readonly name: string
  /** Address of its zone. */
  readonly zone: string
  readonly status: string
  readonly statusMessage?: string
  readonly labels: Readonly<Record<string, string>>
  readonly labelFingerprint?: string
  readonly tags?: { readonly items: readonly string[]; readonly fingerprint?: string }
  readonly metadata?: {
    readonly items: readonly { readonly key: string; readonly value?: string }[]
    readonly fingerprint?: string
  }
  readonly deletionProtection?: boolean
  readonly networkInterfaces: readonly InstanceInterface[]
}

/** A network interface of a server. */
export interface InstanceInterface {
  readonly networkIP?: string
  readonly ipv6Address?: string
  readonly accessConfigs: readonly { readonly natIP?: string }[]
  readonly ipv6AccessConfigs: readonly { readonly externalIpv6?: string }[]
}

/** Work that the cloud has accepted. */
export interface Operation {
  readonly name: string
  /** `insert`, `delete` and so on. */
  readonly operationType?: string
  readonly status: 'PENDING' | 'RUNNING' | 'DONE'
  readonly error?: { readonly errors: readonly CloudError[] }
  /** When it began and ended, as RFC 3339. */
  readonly insertTime?: string
  readonly endTime?: string
}

/** Something that can stand alone: a disk, an address. */
export interface Piece {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly creationTimestamp?: string
  /** Addresses of the servers that have it. */
  readonly users: readonly string[]
}

/** Where a server is. */
export interface Place {
  readonly zone: string
  readonly instance: string
}

/** The calls of the Compute API that a driver makes. */
export interface ComputeClient {
  readonly project: string
  insertInstance(zone: string, body: object, requestId: string, call?: CallOptions): Promise<Operation>
  /** `NotFound` when there is none. */
  getInstance(place: Place, call?: CallOptions): Promise<Instance>
  /** Every server of a zone that the filter lets through. */
  listInstances(zone: string, filter: string, call?: CallOptions): Promise<readonly Instance[]>
  /** The same of every zone of the project. */
  listAllInstances(filter: string, call?: CallOptions): Promise<readonly Instance[]>
  deleteInstance(place: Place, requestId: string, call?: CallOptions): Promise<Operation>
  setTags(place: Place, items: readonly string[], fingerprint: string, call?: CallOptions): Promise<Operation>
  setLabels(
    place: Place,
    labels: Readonly<Record<string, string>>,
    fingerprint: string,
    call?: CallOptions,
  ): Promise<Operation>
  setMetadata(
    place: Place,
    items: readonly { readonly key: string; readonly value?: string }[],
    fingerprint: string,
    call?: CallOptions,
  ): Promise<Operation>
  liftDeletionProtection(place: Place, call?: CallOptions): Promise<Operation>
  /** What the server wrote to its first serial port since it started, as far as it is kept. */
  serialPortOutput(place: Place, call?: CallOptions): Promise<string>
  /** What was done to a server or is being done, latest first. */
  operationsOf(place: Place, call?: CallOptions): Promise<readonly Operation[]>
  /** Resolves once the operation is done; a failure of it is thrown. */
  awaitOperation(zone: string, operation: Operation, call?: CallOptions): Promise<void>
  listDisks(zone: string, filter: string, call?: CallOptions): Promise<readonly Piece[]>
  deleteDisk(zone: string, disk: string, call?: CallOptions): Promise<Operation>
  listAddresses(region: string, filter: string, call?: CallOptions): Promise<readonly Piece[]>
  deleteAddress(region: string, address: string, call?: CallOptions): Promise<Operation>
}

/** What is asked of each server: its user-data would make a list of a thousand servers many megabytes long. */
const listedFields =
  'id,name,zone,status,statusMessage,labels,tags/items,networkInterfaces(networkIP,ipv6Address,accessConfigs/natIP,ipv6AccessConfigs/externalIpv6)'
const pieceFields = 'nextPageToken,items(name,labels,creationTimestamp,users)'
const pageSize = 500

/** The cloud itself ends such a call after two minutes at the latest. */
const waitMilliseconds = 150_000

/** The operations of a name that is given again and again are many; the latest are enough to tell. */
const operationFields = 'items(name,operationType,status,error/errors(code,message),insertTime,endTime),nextPageToken'

/** The driver's calls over a connection. */
export function createComputeClient(connection: GoogleConnection): ComputeClient {
  const { project } = connection
  const instances = bind(connection, 'Instances')
  const change = (place: Place, request: object) => ({ ...place, ...request })
  return {
    project,
    insertInstance: (zone, body, requestId, call) =>
      instances('Insert', { zone, requestId, instanceResource: body }, call) as Promise<Operation>,
    getInstance: (place, call) => instances('Get', place, call) as Promise<Instance>,
    listInstances: (zone, filter, call) =>
      pages<Instance>(
        connection,
        'Instances',
        { zone, filter },
        { ...call, fields: `nextPageToken,items(${listedFields})` },
      ),
    listAllInstances: (filter, call) => listEverywhere(connection, filter, call),
    deleteInstance: (place, requestId, call) =>
      instances('Delete', { ...place, requestId }, call) as Promise<Operation>,
    setTags: (place, items, fingerprint, call) =>
      instances('SetTags', change(place, { tagsResource: { items, fingerprint } }), call) as Promise<Operation>,
    setLabels: (place, labels, labelFingerprint, call) =>
      instances(
        'SetLabels',
        change(place, { instancesSetLabelsRequestResource: { labels, labelFingerprint } }),
        call,
      ) as Promise<Operation>,
    setMetadata: (place, items, fingerprint, call) =>
      instances('SetMetadata', change(place, { metadataResource: { items, fingerprint } }), call) as Promise<Operation>,
    liftDeletionProtection: ({ zone, instance }, call) =>
      instances(
        'SetDeletionProtection',
        { zone, resource: instance, deletionProtection: false },
        call,
      ) as Promise<Operation>,
    serialPortOutput: async (place, call) => {
      const answer = (await instances('GetSerialPortOutput', place, call)) as { readonly contents?: string }
      return answer.contents ?? ''
    },
    operationsOf: (place, call) => listOperations(connection, place, call),
    awaitOperation: async (zone, { name }, call) =>
      awaitDone(connection, { service: 'ZoneOperations', zone }, name, call),
    ...pieceCalls(connection),
  }
}

/** Calls about what can stand alone. */
function pieceCalls(
  connection: GoogleConnection,
): Pick<ComputeClient, 'listDisks' | 'deleteDisk' | 'listAddresses' | 'deleteAddress'> {
  const disks = bind(connection, 'Disks')
  const addresses = bind(connection, 'Addresses')
  return {
    listDisks: (zone, filter, call) =>
      pages<Piece>(connection, 'Disks', { zone, filter }, { ...call, fields: pieceFields }),
    deleteDisk: (zone, disk, call) => disks('Delete', { zone, disk }, call) as Promise<Operation>,
    listAddresses: (region, filter, call) =>
      pages<Piece>(connection, 'Addresses', { region, filter }, { ...call, fields: pieceFields }),
    deleteAddress: (region, address, call) => addresses('Delete', { region, address }, call) as Promise<Operation>,
  }
}

/** Calls of one service in the connection's project. */
export function bind<Service extends ComputeService>(connection: GoogleConnection, service: Service) {
  return (method: ComputeMethod<Service>, request: object, call?: CallOptions): Promise<unknown> =>
    connection.compute(service, method, { project: connection.project, ...request }, call)
}

/** Services whose lists have one item after the other. */
type Listed =
  | 'Instances'
  | 'Disks'
  | 'Addresses'
  | 'ZoneOperations'
  | 'Firewalls'
  | 'Routes'
  | 'ForwardingRules'
  | 'TargetPools'

/** Reads a list to its end, page by page. */
export async function pages<Item>(
  connection: GoogleConnection,
  service: Listed,
  request: object,
  call: CallOptions & { readonly fields?: string },
): Promise<readonly Item[]> {
  const items: Item[] = []
  let pageToken: string | undefined
  do {
    const page = (await connection.compute(
      service,
      'List',
      {
        project: connection.project,
        maxResults: pageSize,
        ...request,
        ...(pageToken === undefined ? {} : { pageToken }),
      },
      call,
    )) as { readonly items: readonly Item[]; readonly nextPageToken?: string }
    items.push(...page.items)
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken
  } while (pageToken !== undefined)
  return items
}

async function listEverywhere(
  connection: GoogleConnection,
  filter: string,
  call: CallOptions | undefined,
): Promise<readonly Instance[]> {
  const items: Instance[] = []
  let pageToken: string | undefined
  do {
    const page = (await connection.compute(
      'Instances',
      'AggregatedList',
      { project: connection.project, maxResults: pageSize, filter, ...(pageToken === undefined ? {} : { pageToken }) },
      { ...call, fields: `nextPageToken,items/*/instances(${listedFields})` },
    )) as {
      readonly items: Readonly<Record<string, { readonly instances: readonly Instance[] }>>
      readonly nextPageToken?: string
    }
    items.push(...Object.values(page.items).flatMap(({ instances }) => instances))
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken
  } while (pageToken !== undefined)
  return items
}

async function listOperations(
  connection: GoogleConnection,
  { zone, instance }: Place,
  call: CallOptions | undefined,
): Promise<readonly Operation[]> {
  const target = `https://www.googleapis.com/compute/v1/projects/${connection.project}/zones/${zone}/instances/${instance}`
  const found = await pages<Operation>(
    connection,
    'ZoneOperations',
    { zone, filter: `targetLink = "${target}"` },
    { ...call, fields: operationFields },
  )
  return found.toSorted((one, other) => beganAt(other) - beganAt(one))
}

function beganAt({ insertTime = '' }: Operation): number {
  const instant = Date.parse(insertTime)
  return Number.isNaN(instant) ? 0 : instant
}

/** Where an operation runs. */
export type OperationScope =
  | { readonly service: 'ZoneOperations'; readonly zone: string }
  | { readonly service: 'RegionOperations'; readonly region: string }
  | { readonly service: 'GlobalOperations' }

/** Waits until an operation is done; the cloud answers as soon as it is. What it failed with is thrown. */
export async function awaitDone(
  connection: GoogleConnection,
  { service, ...where }: OperationScope,
  operation: string,
  call?: CallOptions,
): Promise<void> {
  for (;;) {
    const now = (await connection.compute(
      service,
      'Wait',
      { project: connection.project, operation, ...where },
      { ...call, timeoutMilliseconds: waitMilliseconds },
    )) as Operation
    if (now.status !== 'DONE') continue
    const errors = now.error?.errors ?? []
    if (errors.length > 0) throw failureOfOperation(errors)
    return
  }
}
