import type { CallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { CallOptions, CreateMachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import type { OpenStackClient } from './client.ts'
import { deleteServers } from './delete-server.ts'
import { describeServer, providerIdOf } from './describe-server.ts'
import { failureOfFault, isRefusal } from './failures.ts'
import { type ServerFinder, withFault } from './find-servers.ts'
import type { Lookups } from './lookups.ts'
import { isGoing } from './ownership.ts'
import { type Attachments, attach, removePorts } from './ports.ts'
import type { OpenStackProviderSpec } from './provider-spec.ts'
import type { Server } from './resources.ts'
import { encodeUserData, serverRequest } from './server-request.ts'
import { updateServer } from './update-server.ts'

/** What the steps of a server's life work with: one account, one cluster. */
export interface ServerContext {
  readonly client: OpenStackClient
  readonly lookups: Lookups
  readonly finder: ServerFinder
  readonly spec: OpenStackProviderSpec
  readonly metrics: CallMetrics
  readonly call?: CallOptions
}

/** Makes the server of a machine, or adopts the one that is there. Answers as soon as Nova has accepted it. */
export async function createServer(context: ServerContext, request: CreateMachineRequest): Promise<ProviderMachine> {
  const { machineName, userData } = request
  // What can never work is said before anything is made.
  encodeUserData(userData)
  const found = await context.finder.named(machineName, context.call)
  const [present, ...more] = found.filter((server) => !isGoing(server))
  if (more.length > 0) throw new Failure('Conflict', `${machineName} has ${more.length + 1} servers`)
  if (present !== undefined) return adopt(context, present)
  if (found.length > 0) throw new Failure('Unavailable', `the server ${machineName} is still being deleted`)
  return make(context, request)
}

async function adopt(context: ServerContext, server: Server): Promise<ProviderMachine> {
  const { spec } = context
  if (server.status !== 'ERROR') {
    await updateServer(context, server)
    return describeServer(server, spec.region)
  }
  const { fault } = await withFault(context.client, server, context.call)
  await deleteServers(context, server.name, [server])
  throw failureOfFault(server.name, fault)
}

async function make(context: ServerContext, { machineName, userData }: CreateMachineRequest): Promise<ProviderMachine> {
  const { client, lookups, spec, metrics, call } = context
  const [flavor, image] = await Promise.all([lookups.flavor(spec.flavorName, call), lookups.image(spec.image, call)])
  const attachments = await attach(context, machineName)
  const parts = { machineName, spec, userData, flavor, image, networks: attachments.networks }
  try {
    const { id } = await client.createServer(serverRequest(parts), call)
    metrics.made()
    return describeAccepted(id, machineName, spec, attachments)
  } catch (error) {
    // When nobody knows whether Nova has the server, its port stays: the next try adopts the one or uses the other.
    if (isRefusal(error)) await removePorts(client, attachments.ports)
    throw error
  }
}

function describeAccepted(
  id: string,
  machineName: string,
  { region }: OpenStackProviderSpec,
  { ports }: Attachments,
): ProviderMachine {
  const addresses = ports.flatMap((port) => port.fixed_ips.map(({ ip_address }) => ip_address))
  return {
    providerId: providerIdOf(region, { id }),
    nodeName: machineName,
    addresses: [
      ...addresses.map((address) => ({ type: 'InternalIP' as const, address })),
      { type: 'Hostname', address: machineName },
    ],
    state: 'creating',
    initialized: true,
  }
}
