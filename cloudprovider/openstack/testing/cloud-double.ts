import { isDeepStrictEqual } from 'node:util'
import { Failure } from '@trellis/foundation/failure'
import type { Collection, Fields, Filter, OpenStackClient, ServerWish } from '../src/client.ts'
import type { FloatingIp, Network, Port, Router, SecurityGroup, Server, Volume } from '../src/resources.ts'

/** When a fault strikes: instead of the call, or after the cloud acted on it. */
interface Fault {
  readonly call: string
  readonly failure: Failure
  readonly when: 'before' | 'after'
}

/** What a double holds, by id. */
interface Stores extends Places {
  readonly servers: Map<string, Server>
}

/** What servers are put into, and hang on them, by id. */
export interface Places {
  readonly ports: Map<string, Port>
  readonly volumes: Map<string, Volume>
  readonly floatingIps: Map<string, FloatingIp>
  readonly networks: Map<string, Network>
  readonly routers: Map<string, Router>
  readonly securityGroups: Map<string, SecurityGroup>
}

type PortAddress = Port['fixed_ips'][number]

/** A cloud in memory that keeps the rules of the real one as far as servers and what hangs on them go. */
export interface CloudDouble extends Stores {
  /** A client of it, as any number of processes may have. */
  connect(): OpenStackClient
  /** Lets every creation and deletion that is under way end. */
  settle(): void
  /** The next server to be built ends up in `ERROR` for this reason. */
  failNextServer(message: string): void
  /** The next call of that name, as in `ports.create`, meets a fault. */
  failNext(call: string, failure: Failure, when?: Fault['when']): void
  /** Names of the calls that were made, in order. */
  readonly calls: string[]
  /** Requests for servers, as Nova would see them. */
  readonly wishes: ServerWish[]
  /** Adds a port of that name that no server has. */
  addPort(name: string, tags: readonly string[], change?: Partial<Port>): Port
  /** Adds a volume that hangs on nothing. */
  addVolume(name: string, metadata: Readonly<Record<string, string>>, change?: Partial<Volume>): Volume
}

/** Two networks and two security groups. */
function examplePlaces(): Places {
  return {
    ports: new Map(),
    volumes: new Map(),
    floatingIps: new Map(),
    networks: new Map([
      ['network-1', { id: 'network-1', name: 'nodes' }],
      ['network-2', { id: 'network-2', name: 'storage' }],
    ]),
    routers: new Map(),
    securityGroups: new Map([
      ['group-1', { id: 'group-1', name: 'nodes' }],
      ['group-2', { id: 'group-2', name: 'extra' }],
    ]),
  }
}

/** What a double may be told. */
export interface CloudDoubleOptions {
  /** Whether there is a Cinder. */
  readonly volumes?: boolean
  /** What servers are put into; two networks and two security groups unless told. */
  readonly places?: Places
}

/** Makes a cloud with one flavor and one image. */
export function createCloudDouble({ volumes = false, places = examplePlaces() }: CloudDoubleOptions = {}): CloudDouble {
  const stores: Stores = { servers: new Map(), ...places }
  const calls: string[] = []
  const wishes: ServerWish[] = []
  const faults: Fault[] = []
  const reasons: string[] = []
  let count = 0
  const nextId = (kind: string) => `${kind}-${++count}`
  const addPort: CloudDouble['addPort'] = (name, tags, change = {}) => {
    const id = nextId('port')
    // Neutron chooses the address where only a subnet is asked for.
    const { fixed_ips = [{ subnet_id: 'subnet-1' }] }: { readonly fixed_ips?: readonly Partial<PortAddress>[] } = change
    const addresses = fixed_ips.map((one) => ({ subnet_id: '', ip_address: `10.250.0.${count + 1}`, ...one }))
    const port: Port = {
      id,
      name,
      network_id: 'network-1',
      device_id: '',
      device_owner: '',
      tags,
      security_groups: ['default'],
      allowed_address_pairs: [],
      created_at: '2026-01-01T00:00:00Z',
      ...change,
      fixed_ips: addresses,
    }
    stores.ports.set(id, port)
    return port
  }
  const addVolume: CloudDouble['addVolume'] = (name, metadata, change = {}) => {
    const id = nextId('volume')
    const base = { id, name, metadata, status: 'available', attachments: [], created_at: '2026-01-01T00:00:00.000000' }
    const volume: Volume = { ...base, ...change }
    stores.volumes.set(id, volume)
    return volume
  }
  const act = async <Value>(call: string, signal: AbortSignal | undefined, work: () => Value): Promise<Value> => {
    signal?.throwIfAborted()
    calls.push(call)
    const index = faults.findIndex((fault) => fault.call === call)
    const [fault] = index < 0 ? [] : faults.splice(index, 1)
    if (fault?.when === 'before') throw fault.failure
    const value = work()
    if (fault !== undefined) throw fault.failure
    return value
  }
  const world = { stores, act, nextId, addPort, wishes }
  return {
    ...stores,
    calls,
    wishes,
    addPort,
    addVolume,
    connect: () => createDoubleClient(world, volumes),
    settle: () => settle(stores, reasons),
    failNextServer: (message) => void reasons.push(message),
    failNext: (call, failure, when = 'before') => void faults.push({ call, failure, when }),
  }
}

interface DoubleWorld {
  readonly stores: Stores
  readonly act: <Value>(call: string, signal: AbortSignal | undefined, work: () => Value) => Promise<Value>
  readonly nextId: (kind: string) => string
  readonly addPort: CloudDouble['addPort']
  readonly wishes: ServerWish[]
}

/** Nova builds and takes down servers by and by; ports are bound to a server while it is built. */
function settle({ servers, ports }: Stores, reasons: string[]): void {
  for (const [id, server] of servers) {
    if (server['OS-EXT-STS:task_state'] === 'deleting') {
      servers.delete(id)
      for (const [portId, port] of ports) {
        if (port.device_id !== id) continue
        if (port.name === '') ports.delete(portId)
        else ports.set(portId, { ...port, device_id: '', device_owner: '' })
      }
    } else if (server.status === 'BUILD') {
      const message = reasons.shift()
      const failed = { ...server, status: 'ERROR', fault: { code: 500, message: message ?? '' } }
      const running = { ...server, status: 'ACTIVE', 'OS-SRV-USG:launched_at': '2026-01-01T00:00:00.000000' }
      servers.set(id, message === undefined ? running : failed)
    }
  }
}

function createDoubleClient(world: DoubleWorld, hasVolumes: boolean): OpenStackClient {
  const { stores, act, nextId, addPort } = world
  const find = <Item>(store: Map<string, Item>, id: string): Item => {
    const item = store.get(id)
    if (item === undefined) throw new Failure('NotFound', `there is no ${id}`)
    return item
  }
  const store = <Item extends { readonly id: string }>(
    name: string,
    items: Map<string, Item>,
    matches: (item: Item, filter: Filter) => boolean,
    make: (fields: Fields) => Item = (fields) => ({ ...fields, id: nextId(name) }) as unknown as Item,
  ): Collection<Item> => ({
    list: (filter, call) =>
      act(`${name}.list`, call?.signal, () => [...items.values()].filter((item) => matches(item, filter))),
    get: (id, call) => act(`${name}.get`, call?.signal, () => find(items, id)),
    create: (fields, call) =>
      act(`${name}.create`, call?.signal, () => {
        const item = make(fields)
        items.set(item.id, item)
        return item
      }),
    update: (id, fields, call) =>
      act(`${name}.update`, call?.signal, () => {
        const item = { ...find(items, id), ...fields }
        items.set(id, item)
        return item
      }),
    remove: (id, call) =>
      act(`${name}.remove`, call?.signal, () => (items.delete(id) ? ('deleting' as const) : ('gone' as const))),
  })
  const servers = store('servers', stores.servers, matchesServer)
  const change = <Item>(items: Map<string, Item>, id: string, fields: Partial<Item>) =>
    void items.set(id, { ...find(items, id), ...fields })
  const client: Partial<OpenStackClient> = {
    servers: {
      ...servers,
      // As the real cloud does for servers that no host took.
      list: async (filter, call) => (await servers.list(filter, call)).map(({ fault: _, ...server }) => server),
      remove: (id, call) =>
        act('servers.remove', call?.signal, () => {
          if (!stores.servers.has(id)) return 'gone'
          change(stores.servers, id, { 'OS-EXT-STS:task_state': 'deleting' })
          return 'deleting'
        }),
    },
    createServer: (wish, call) => act('createServer', call?.signal, () => build(world, wish)),
    setServerMetadata: (id, metadata, call) =>
      act('setServerMetadata', call?.signal, () => change(stores.servers, id, { metadata })),
    setServerTags: (id, tags, call) => act('setServerTags', call?.signal, () => change(stores.servers, id, { tags })),
    consoleOutput: (id, lines, call) =>
      act('consoleOutput', call?.signal, () => `${lines} lines of ${find(stores.servers, id).name}`),
    flavors: { list: (_, call) => act('flavors.list', call?.signal, () => [{ id: 'flavor-1', name: 'm1.small' }]) },
    images: {
      list: ({ name }, call) =>
        act('images.list', call?.signal, () => [{ id: 'image-1', name: 'debian' }].filter((one) => one.name === name)),
    },
    ports: store('ports', stores.ports, matchesPort, (fields) => addPort(String(fields.name), [], fields)),
    networks: store('networks', stores.networks, (one, { name }) => name === undefined || one.name === name),
    securityGroups: store('securityGroups', stores.securityGroups, () => true),
    floatingIps: store('floatingIps', stores.floatingIps, ({ tags }, filter) => hasTags(tags, filter.tags)),
    volumes: store('volumes', stores.volumes, (one, { name }) => name === undefined || one.name === name),
    routers: store('routers', stores.routers, (one, { name }) => name === undefined || one.name === name),
    addRouterRoutes: (id, routes, call) =>
      act('addRouterRoutes', call?.signal, () => {
        const { routes: present = [] } = find(stores.routers, id)
        const added = routes.filter((route) => !present.some((one) => isDeepStrictEqual(one, route)))
        change(stores.routers, id, { routes: [...present, ...added] })
      }),
    removeRouterRoutes: (id, routes, call) =>
      act('removeRouterRoutes', call?.signal, () => {
        const { routes: present = [] } = find(stores.routers, id)
        const kept = present.filter((one) => !routes.some((route) => isDeepStrictEqual(one, route)))
        change(stores.routers, id, { routes: kept })
      }),
    setNetworkTags: (_kind, id, tags, call) =>
      act('setNetworkTags', call?.signal, () => change(stores.ports, id, { tags })),
    hasVolumes: async () => hasVolumes,
    hasLoadBalancers: async () => false,
    [Symbol.dispose]: () => {},
  }
  return client as OpenStackClient
}

/** Nova looks at what it is given before it accepts a server. */
function build({ stores, nextId, addPort, wishes }: DoubleWorld, wish: ServerWish): { readonly id: string } {
  const { server } = wish
  const networks = server.networks as readonly { readonly port?: string; readonly uuid?: string }[]
  for (const { port } of networks) {
    if (port === undefined) continue
    const present = stores.ports.get(port)
    if (present === undefined) throw new Failure('Invalid', `Port ${port} could not be found.`)
    if (present.device_id !== '') throw new Failure('Conflict', `Port ${port} is still in use.`)
  }
  wishes.push(wish)
  const id = nextId('server')
  const ports = networks.map(({ port, uuid = '' }) => port ?? addPort('', [], { network_id: uuid }).id)
  const bound = { device_id: id, device_owner: 'compute:nova' }
  for (const port of ports) stores.ports.set(port, { ...(stores.ports.get(port) as Port), ...bound })
  stores.servers.set(id, {
    id,
    name: String(server.name),
    status: 'BUILD',
    metadata: server.metadata as Server['metadata'],
    tags: server.tags as readonly string[],
    addresses: {
      nodes: ports.flatMap((port) =>
        (stores.ports.get(port)?.fixed_ips ?? []).map(({ ip_address }) => ({
          addr: ip_address,
          version: 4,
          'OS-EXT-IPS:type': 'fixed' as const,
        })),
      ),
    },
    'OS-EXT-STS:task_state': null,
    'OS-SRV-USG:launched_at': null,
  })
  return { id }
}

/** Filters on servers as Nova has them for members of a project: what it does not know is passed over. */
function matchesServer(server: Server, filter: Filter): boolean {
  const { name, tags } = filter
  if (name !== undefined && !new RegExp(String(name)).test(server.name)) return false
  if (!hasTags(server.tags, tags)) return false
  return filter['not-tags'] === undefined || !hasTags(server.tags, filter['not-tags'])
}

function matchesPort(port: Port, { name, tags, device_id, network_id, fixed_ips: subnet }: Filter): boolean {
  if (subnet !== undefined && !port.fixed_ips.some(({ subnet_id }) => `subnet_id=${subnet_id}` === subnet)) return false
  if (network_id !== undefined && port.network_id !== network_id) return false
  if (name !== undefined && port.name !== name) return false
  if (device_id !== undefined && port.device_id !== device_id) return false
  return hasTags(port.tags, tags)
}

function hasTags(tags: readonly string[] | undefined, wanted: Filter[string] | undefined): boolean {
  return (
    wanted === undefined ||
    String(wanted)
      .split(',')
      .every((tag) => tags?.includes(tag))
  )
}
