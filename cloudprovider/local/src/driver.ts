import type {
  ClassSettings,
  Driver,
  MachineDeletion,
  MachineRequest,
  ProviderMachine,
} from '@trellis/cloudprovider/contract/driver'
import { createKeeper } from '@trellis/cloudprovider/contract/keeper'
import { carries, machineNameTag, ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { Failure, isFailure } from '@trellis/foundation/failure'
import { type CallOptions, type CloudClient, createCloudClient, type Server } from './client.ts'
import { type LocalCredentials, type LocalProviderSpec, parseCredentials, parseProviderSpec } from './provider-spec.ts'

/** Name of the provider in machine classes. */
export const localProvider = 'local'

/** What the driver lets tests replace. */
export interface LocalDriverOptions {
  /** How to reach the cloud with these credentials. */
  readonly connect?: (credentials: LocalCredentials) => CloudClient
}

/** Connections that are kept: all classes of one seed name the same credentials. */
const mostClients = 4

/** A driver for the local cloud. It keeps connections open per set of credentials; disposing it closes them. */
export function createLocalDriver(options: LocalDriverOptions = {}): Driver & Disposable {
  const connect = options.connect ?? createCloudClient
  const clients = createKeeper<CloudClient>({ most: mostClients, close: (client) => client[Symbol.dispose]() })
  const open = (settings: ClassSettings) => {
    const spec = parseProviderSpec(settings.providerSpec)
    const credentials = parseCredentials(settings.secret)
    const key = JSON.stringify([credentials.endpoint, credentials.token, credentials.caBundle])
    return { spec, client: clients.of(key, () => connect(credentials)) }
  }
  return {
    provider: localProvider,
    createMachine: async (request, call) => {
      const { spec, client } = open(request)
      const { network, image, flavor, tags } = spec
      const wish = { name: request.machineName, network, image, flavor, userData: request.userData }
      const server = await client
        .createServer({ ...wish, tags: { ...tags, [machineNameTag]: request.machineName } }, call)
        .catch((error: unknown) => {
          // The name itself is in the way only while the server that had it goes.
          throw isFailure(error, 'Conflict') && error.field === 'name' ? stillGoing(request.machineName, error) : error
        })
      checkOwner(server, spec)
      if (server.state === 'deleting') throw stillGoing(server.name)
      if (server.state === 'failed') {
        await client.deleteServer(server.id, call)
        throw failed(server)
      }
      return describe(server, network)
    },
    initializeMachine: async (request, call) => {
      const { spec, client } = open(request)
      return describe(await findOne(client, spec, request, call), spec.network)
    },
    deleteMachine: async (request, call) => {
      const { spec, client } = open(request)
      return remove(client, await findAll(client, spec, request, call), call)
    },
    deleteServer: async (request, call) => {
      const { spec, client } = open(request)
      const servers = await findAll(client, spec, request, call)
      const doomed = servers.filter((server) => providerIdOf(spec.network, server) === request.providerId)
      return remove(client, doomed, call)
    },
    getMachineStatus: async (request, call) => {
      const { spec, client } = open(request)
      return describe(await findOne(client, spec, request, call), spec.network)
    },
    listMachines: async (settings, call) => {
      const { spec, client } = open(settings)
      const servers = await client.listServers({ network: spec.network, tags: ownershipTags(spec.tags) }, call)
      return new Map(servers.map((server) => [providerIdOf(spec.network, server), machineNameOf(server)]))
    },
    getConsoleOutput: async (request, lines, call) => {
      const { spec, client } = open(request)
      return client.console((await findOne(client, spec, request, call)).id, lines, call)
    },
    [Symbol.dispose]: () => clients[Symbol.dispose](),
  }
}

/** Provider id of a server, as in `local:///shoot--local--first/srv-1`. */
export function providerIdOf(network: string, server: { readonly id: string }): string {
  return `${localProvider}:///${network}/${server.id}`
}

async function remove(
  client: CloudClient,
  servers: readonly Server[],
  call: CallOptions | undefined,
): Promise<MachineDeletion> {
  const outcomes = await Promise.all(servers.map((server) => client.deleteServer(server.id, call)))
  return outcomes.includes('deleting') ? 'deleting' : 'gone'
}

async function findAll(
  client: CloudClient,
  spec: LocalProviderSpec,
  request: MachineRequest,
  call: CallOptions | undefined,
): Promise<readonly Server[]> {
  const filter = { network: spec.network, name: request.machineName, tags: ownershipTags(spec.tags) }
  try {
    return await client.listServers(filter, call)
  } catch (error) {
    // Without its network there are no servers of the machine either.
    if (isFailure(error, 'NotFound')) return []
    throw error
  }
}

async function findOne(
  client: CloudClient,
  spec: LocalProviderSpec,
  request: MachineRequest,
  call: CallOptions | undefined,
): Promise<Server> {
  const [server, ...more] = (await findAll(client, spec, request, call)).filter(({ state }) => state !== 'deleting')
  if (server === undefined) throw new Failure('NotFound', `${request.machineName} has no server`)
  if (more.length > 0) throw new Failure('Conflict', `${request.machineName} has ${more.length + 1} servers`)
  return server
}

/** Names are unique within a network: a server of the same name may belong to somebody else. */
function checkOwner(server: Server, spec: LocalProviderSpec): void {
  if (carries(server.tags, ownershipTags(spec.tags))) return
  throw new Failure('Conflict', `the network has a server ${server.name} already that is not of this cluster`, {
    field: 'providerSpec.network',
    remedy: 'give each cluster a network of its own',
  })
}

/** What passes by itself is no conflict. */
function stillGoing(name: string, cause?: Failure): Failure {
  return new Failure('Unavailable', `the server ${name} is still being deleted`, cause === undefined ? {} : { cause })
}

function machineNameOf(server: Server): string {
  return server.tags[machineNameTag] ?? server.name
}

function failed(server: Server): Failure {
  const { message = 'the cloud gives no reason', kind, remedy } = server.failure ?? {}
  return new Failure(
    kind === 'Exhausted' ? 'Exhausted' : 'Unavailable',
    `the server ${server.name} failed: ${message}`,
    remedy === undefined ? {} : { remedy },
  )
}

function describe(server: Server, network: string): ProviderMachine {
  return {
    providerId: providerIdOf(network, server),
    nodeName: server.name,
    addresses: [
      { type: 'InternalIP', address: server.privateAddress },
      { type: 'Hostname', address: server.name },
    ],
    state: server.state === 'deleting' ? 'stopped' : server.state,
    ...(server.failure === undefined ? {} : { reason: server.failure.message }),
    initialized: true,
  }
}
