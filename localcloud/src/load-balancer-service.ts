import { Failure } from '@trellis/foundation/failure'
import type { LoadBalancerRecord } from './records.ts'
import type { LoadBalancer, LoadBalancerRequest } from './schemas.ts'
import { type Selection, selects } from './selection.ts'
import { inNetwork, instant, type Made, networkFor, newId, type ServiceContext } from './service-context.ts'

/** Load balancers. Everything is in effect when the call returns. */
export interface LoadBalancerService {
  /** Sets the whole configuration; the address stays the same as long as the load balancer exists. */
  set(name: string, request: LoadBalancerRequest): Promise<Made<LoadBalancer>>
  list(selection: Selection): readonly LoadBalancer[]
  get(name: string): LoadBalancer
  remove(name: string): Promise<void>
  /** Takes a server out of all load balancers. */
  forgetTarget(serverId: string): Promise<void>
}

/** Creates the service over a store. */
export function createLoadBalancerService(context: ServiceContext): LoadBalancerService {
  const { store, networker } = context
  const get = (name: string): LoadBalancerRecord => {
    const record = store.list('load-balancer').find((balancer) => balancer.name === name)
    if (record === undefined) throw new Failure('NotFound', `there is no load balancer ${name}`)
    return record
  }
  return {
    set: (name, request) => set(context, name, request),
    list: (selection) =>
      store
        .list('load-balancer')
        .filter((balancer) => selects(selection, balancer))
        .filter(inNetwork(store, selection.network)),
    get,
    remove: async (name) => {
      const record = get(name)
      await store.remove('load-balancer', record.id)
      await networker.sync(record.network)
    },
    forgetTarget: async (serverId) => {
      const affected = store.list('load-balancer').filter((balancer) => balancer.targets.includes(serverId))
      const without = (targets: readonly string[]) => targets.filter((target) => target !== serverId)
      await Promise.all(
        affected.map((balancer) => store.put('load-balancer', { ...balancer, targets: without(balancer.targets) })),
      )
    },
  }
}

async function set(context: ServiceContext, name: string, request: LoadBalancerRequest): Promise<Made<LoadBalancer>> {
  const { store, networker, addresses } = context
  const network = networkFor(context, request.network)
  const existing = store.list('load-balancer').find((balancer) => balancer.name === name)
  if (existing !== undefined && existing.network !== network.id) {
    throw new Failure('Conflict', `load balancer ${name} exists already in another network`, {
      field: 'network',
      remedy: 'choose another name, or delete that load balancer first',
    })
  }
  checkListeners(request)
  checkTargets(context, network.id, request.targets)
  const record: LoadBalancerRecord = {
    id: existing?.id ?? newId(context, 'load-balancer'),
    name,
    tags: request.tags ?? {},
    createdAt: existing?.createdAt ?? instant(context),
    network: network.id,
    address: existing?.address ?? addresses.nextPublic(),
    listeners: request.listeners,
    targets: [...new Set(request.targets)].sort(),
  }
  await store.put('load-balancer', record)
  await networker.sync(network.id)
  return { made: existing === undefined, value: record }
}

function checkListeners({ listeners }: LoadBalancerRequest): void {
  const names = new Set<string>()
  const ports = new Set<string>()
  for (const [index, listener] of listeners.entries()) {
    const port = `${listener.protocol} ${listener.port}`
    if (names.has(listener.name)) {
      throw new Failure('Invalid', `two listeners have the name ${listener.name}`, {
        field: `listeners[${index}].name`,
      })
    }
    if (ports.has(port)) {
      throw new Failure('Invalid', `two listeners have port ${port}`, { field: `listeners[${index}].port` })
    }
    names.add(listener.name)
    ports.add(port)
  }
}

function checkTargets({ store }: ServiceContext, networkId: string, targets: readonly string[]): void {
  for (const [index, target] of targets.entries()) {
    const server = store.find('server', target)
    if (server?.network === networkId && server.state !== 'deleting') continue
    throw new Failure('Invalid', `there is no server ${target} in the network of the load balancer`, {
      field: `targets[${index}]`,
      remedy: 'give ids of servers of that network that are not being deleted',
    })
  }
}
