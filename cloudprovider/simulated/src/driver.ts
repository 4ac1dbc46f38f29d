import type { Driver, MachineDeletion, MachineRequest, ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { carries, ownershipTags } from '@trellis/cloudprovider/contract/tags'
import { Failure } from '@trellis/foundation/failure'
import type { SimulatedCloud, SimulatedServer } from './cloud.ts'
import { parseProviderSpec } from './provider-spec.ts'

/** Name of the provider in machine classes. */
export const simulatedProvider = 'simulated'

/** Name of the CSI driver whose volumes are the simulated cloud's. */
export const simulatedVolumeDriver = 'disks.simulated'

/** A driver in front of a simulated cloud. It holds nothing itself: any number of them may stand in front of one cloud. */
export function createSimulatedDriver(cloud: SimulatedCloud): Driver {
  const one = async (
    operation: 'status' | 'delete',
    request: MachineRequest,
    signal: AbortSignal | undefined,
  ): Promise<SimulatedServer> => {
    const found = own(await cloud.look(operation, request.machineName, signal), request)
    const [first, ...more] = found
    if (first === undefined) throw new Failure('NotFound', `${request.machineName} has no server`)
    if (more.length > 0 && operation === 'status') {
      throw new Failure('Conflict', `${request.machineName} has ${found.length} servers`)
    }
    return first
  }
  const remove = async (
    doomed: readonly SimulatedServer[],
    signal: AbortSignal | undefined,
  ): Promise<MachineDeletion> => {
    await Promise.all(doomed.map((server) => cloud.remove(server, signal)))
    return doomed.some(cloud.has) ? 'deleting' : 'gone'
  }
  return {
    provider: simulatedProvider,
    createMachine: async (request, { signal } = {}) => {
      const spec = parseProviderSpec(request.providerSpec)
      const { machineType, region = 'region', zone = 'zone', tags } = spec
      const wish = { machineName: request.machineName, machineType, region, zone, tags, userData: request.userData }
      const server = await cloud.create(wish, ownershipTags(tags), signal)
      if (server.state === 'failed') {
        await cloud.remove(server, signal)
        throw failed(server)
      }
      return describe(server)
    },
    initializeMachine: async (request, { signal } = {}) => {
      const server = await one('status', request, signal)
      await cloud.initialize(server, signal)
      return describe(server)
    },
    mutableFields: ['tags'],
    updateMachine: async (request, { signal } = {}) => {
      const server = await one('status', request, signal)
      await cloud.retag(server, parseProviderSpec(request.providerSpec).tags, signal)
    },
    deleteMachine: async (request, { signal } = {}) => {
      const found = own(await cloud.look('delete', request.machineName, signal), request)
      cloud.leftovers.takeUp(request.machineName, ownershipTags(parseProviderSpec(request.providerSpec).tags))
      return remove(found, signal)
    },
    deleteServer: async (request, { signal } = {}) => {
      const found = own(await cloud.look('delete', request.machineName, signal), request)
      return remove(
        found.filter((server) => providerIdOf(server) === request.providerId),
        signal,
      )
    },
    getMachineStatus: async (request, { signal } = {}) => {
      const server = await one('status', request, signal)
      return describe(server)
    },
    listMachines: async (settings, { signal } = {}) => {
      const tags = ownershipTags(parseProviderSpec(settings.providerSpec).tags)
      const servers = await cloud.look('list', undefined, signal)
      return new Map(
        servers
          .filter((server) => carries(server.tags, tags))
          .map((server) => [providerIdOf(server), server.machineName]),
      )
    },
    listLeftovers: async (settings, { signal } = {}) => {
      const owned = ownershipTags(parseProviderSpec(settings.providerSpec).tags)
      await cloud.look('leftovers', undefined, signal)
      return cloud.leftovers
        .all()
        .filter(({ tags }) => carries(tags, owned))
        .map(({ tags: _, ...leftover }) => leftover)
    },
    deleteLeftover: async (settings, { id }, { signal } = {}) => {
      const owned = ownershipTags(parseProviderSpec(settings.providerSpec).tags)
      await cloud.look('delete', undefined, signal)
      return cloud.leftovers.remove(id, owned)
    },
    getVolumeIds: async ({ volumes }, { signal } = {}) => {
      signal?.throwIfAborted()
      return volumes.flatMap(volumeIdsOf)
    },
    getConsoleOutput: async (request, lines, { signal } = {}) => {
      const server = await one('status', request, signal)
      const text = [`${server.machineName} booting`, `cloud-init: ${server.userData.length} bytes of user-data`]
      return text.slice(-lines).join('\n')
    },
  }
}

/** Provider id of a server, as in `simulated:///region/sim-abc`. */
export function providerIdOf(server: SimulatedServer): string {
  return `${simulatedProvider}:///${server.region}/${server.id}`
}

/** The handle of a volume of the simulated cloud is its id; nobody else's volume has one. */
function volumeIdsOf({ csi }: Readonly<Record<string, unknown>>): readonly string[] {
  const { driver, volumeHandle } = (csi ?? {}) as { readonly driver?: unknown; readonly volumeHandle?: unknown }
  return driver === simulatedVolumeDriver && typeof volumeHandle === 'string' && volumeHandle !== ''
    ? [volumeHandle]
    : []
}

function own(servers: readonly SimulatedServer[], request: MachineRequest): readonly SimulatedServer[] {
  const tags = ownershipTags(parseProviderSpec(request.providerSpec).tags)
  return servers.filter((server) => carries(server.tags, tags))
}

function failed(server: SimulatedServer): Failure {
  return new Failure(
    'Unavailable',
    `the server of ${server.machineName} failed: ${server.failure ?? 'no reason given'}`,
  )
}

function describe(server: SimulatedServer): ProviderMachine {
  return {
    providerId: providerIdOf(server),
    nodeName: server.machineName,
    addresses: [
      { type: 'InternalIP', address: server.address },
      { type: 'Hostname', address: server.machineName },
    ],
    state: server.state === 'deleting' ? 'running' : server.state,
    ...(server.failure === undefined ? {} : { reason: server.failure }),
    initialized: server.initialized,
  }
}
