import type { CommandRunner } from '@trellis/foundation/command'
import type { CloudNetwork, NetworkState } from './cloud-network.ts'
import { forgetStaleFlows } from './connection-table.ts'
import type { HostNetwork } from './host-network.ts'
import type { KeyedLock } from './keyed-lock.ts'
import { namesOf, namespaceOf, outerLinkOf } from './names.ts'
import { planCore, planNetwork, planServer } from './network-plan.ts'
import type { ServerRecord } from './records.ts'
import type { Store } from './store.ts'

/** Makes the host's namespaces be what the store says. */
export interface Networker {
  /** Sets up the cloud's own namespace. */
  syncCore(): Promise<void>
  /** Makes a network's namespace fit the store as it was at the call or later. Harmless for a network that the store does not know. */
  sync(networkId: string): Promise<void>
  /** Makes the server's namespace and joins it to its network, which must be in sync. */
  attach(server: ServerRecord): Promise<void>
  /** Removes the server's namespace. */
  detach(server: Pick<ServerRecord, 'id' | 'network'>): Promise<void>
  /** Removes the network's namespace. */
  remove(networkId: string): Promise<void>
}

/** What the networker needs. */
export interface NetworkerOptions {
  readonly store: Store
  readonly hostNetwork: HostNetwork
  readonly runner: CommandRunner
  readonly lock: KeyedLock
  readonly cloud: CloudNetwork
}

/** Creates a networker. Calls for one network follow each other; those that wait for their turn are served together. */
export function createNetworker({ store, hostNetwork, runner, lock, cloud }: NetworkerOptions): Networker {
  const waiting = new Map<string, Promise<void>>()
  const applyNetwork = async (networkId: string): Promise<void> => {
    waiting.delete(networkId)
    const state = networkStateOf(store, networkId)
    if (state === undefined) return
    const plan = planNetwork(cloud, state)
    await hostNetwork.apply(plan)
    if (state.loadBalancers.length > 0) await forgetStaleFlows(runner, plan.namespace, state)
  }
  return {
    syncCore: () => lock.run('core', () => hostNetwork.apply(planCore(cloud))),
    sync: (networkId) => {
      const joined = waiting.get(networkId)
      if (joined !== undefined) return joined
      const turn = lock.run(`network/${networkId}`, () => applyNetwork(networkId))
      waiting.set(networkId, turn)
      return turn
    },
    attach: (server) => hostNetwork.apply(planServer(cloud, store.get('network', server.network), server)),
    detach: ({ id, network }) =>
      hostNetwork.remove(namespaceOf(cloud.instance, id), [
        { namespace: namespaceOf(cloud.instance, network), name: outerLinkOf(id) },
      ]),
    remove: (networkId) =>
      lock.run(`network/${networkId}`, () =>
        hostNetwork.remove(namespaceOf(cloud.instance, networkId), [
          { namespace: namesOf(cloud.instance).coreNamespace, name: outerLinkOf(networkId) },
        ]),
      ),
  }
}

/** What of the store matters to one network; undefined when the store does not know it. */
export function networkStateOf(store: Store, networkId: string): NetworkState | undefined {
  const network = store.find('network', networkId)
  if (network === undefined) return undefined
  const inNetwork = (record: { readonly network: string }) => record.network === networkId
  return {
    network,
    servers: store.list('server').filter(inNetwork),
    routes: store.list('route').filter(inNetwork),
    loadBalancers: store.list('load-balancer').filter(inNetwork),
  }
}
