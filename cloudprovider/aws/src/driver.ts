import type { CallBudgets } from '@trellis/cloudprovider/contract/call-budget'
import { createCallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Driver } from '@trellis/cloudprovider/contract/driver'
import type { Clock } from '@trellis/foundation/clock'
import type { Registry } from 'prom-client'
import type { AwsEndpoints } from './caller.ts'
import { consoleOutput } from './console.ts'
import { createServer } from './create-server.ts'
import { deleteMachine, deleteServer } from './delete-server.ts'
import { findServer, serverStatus } from './find-server.ts'
import { initializeServer } from './initialize-server.ts'
import { deleteLeftover, listLeftovers } from './leftovers.ts'
import { createAwsBudgets, createPlaces } from './places.ts'
import { providerIdOf } from './server-description.ts'
import { nameTag } from './server-tags.ts'
import { mutableFields, updateServer } from './update-server.ts'
import { volumeIds } from './volume-ids.ts'

/** Name of the provider in machine classes. */
export const awsProvider = 'AWS'

/** What the driver works with. */
export interface AwsDriverOptions {
  readonly clock: Clock
  /** Where its calls are counted; nowhere unless told. */
  readonly registry?: Registry
  /** For clouds that speak the same API; it calls `ec2`, and `sts` for credentials in files. AWS's own unless told. */
  readonly endpoints?: AwsEndpoints
  /** Budgets of accounts, when others share them. */
  readonly budgets?: CallBudgets
}

/**
 * A driver for EC2. What it keeps between calls only saves calls: connections and call budgets per account and region, what servers lived some seconds ago,
 * what images call their root device. Disposing it closes the connections.
 */
export function createAwsDriver(options: AwsDriverOptions): Driver & Disposable {
  const { clock, registry, endpoints = {}, budgets = createAwsBudgets({ clock }) } = options
  const metrics = registry === undefined ? noCallMetrics : createCallMetrics(registry, awsProvider)
  const places = createPlaces({ clock, metrics, endpoints, budgets })
  return {
    provider: awsProvider,
    mutableFields,
    createMachine: async (request, { signal } = {}) => createServer(places.of(request), request, signal),
    initializeMachine: async (request, { signal } = {}) => {
      const place = places.of(request)
      return initializeServer(place, await findServer(place, request, signal), signal)
    },
    deleteMachine: async (request, { signal } = {}) => deleteMachine(places.of(request), request, signal),
    deleteServer: async (request, { signal } = {}) => deleteServer(places.of(request), request, signal),
    getMachineStatus: async (request, { signal } = {}) => serverStatus(places.of(request), request, signal),
    listMachines: async (settings, { signal } = {}) => {
      const { cluster, spec } = places.of(settings)
      signal?.throwIfAborted()
      const servers = await cluster.finder.all()
      return new Map(servers.map(({ id, tags }) => [providerIdOf(spec.region, id), tags[nameTag] ?? '']))
    },
    listLeftovers: async (settings, { signal } = {}) => {
      signal?.throwIfAborted()
      return listLeftovers(places.of(settings).cluster)
    },
    deleteLeftover: async (settings, leftover, { signal } = {}) => {
      signal?.throwIfAborted()
      return deleteLeftover(places.of(settings).cluster, leftover, signal)
    },
    getVolumeIds: async (request) => volumeIds(request),
    getConsoleOutput: async (request, lines, { signal } = {}) => {
      return consoleOutput(places.of(request), request, lines, signal)
    },
    updateMachine: async (request, { signal } = {}) => {
      const place = places.of(request)
      const { machineName, providerSpec, secret } = request
      // By name: only that shows whether there are several.
      await updateServer(place, await findServer(place, { machineName, providerSpec, secret }, signal), signal)
    },
    [Symbol.dispose]: () => places[Symbol.dispose](),
  }
}
