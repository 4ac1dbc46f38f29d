import { Failure } from '@trellis/foundation/failure'
import type { Collection, Fields, Filter, OpenStackClient } from '../src/client.ts'
import type { Port, SecurityGroupRule } from '../src/resources.ts'

type Thing = { readonly id: string } & Fields

/** Plurals of what the double holds. */
const sorts = [
  'networks',
  'subnets',
  'routers',
  'ports',
  'securityGroups',
  'securityGroupRules',
  'floatingIps',
  'keypairs',
  'volumes',
  'loadBalancers',
] as const
type Sort = (typeof sorts)[number]

/** A Neutron in memory, with the key pairs, volumes and load balancers that come with a cluster's network. */
export interface NetworkDouble {
  /** A client of it, as any number of processes may have. */
  connect(): OpenStackClient
  /** Adds a thing that somebody else made. */
  add(sort: Sort, fields: Fields): void
  /** Everything of a sort. */
  all(sort: Sort): readonly Thing[]
  /** What it holds, by id, for a double that shares it. */
  readonly stores: Readonly<Record<Sort, Map<string, Thing>>>
}

/** What must be gone before a thing can go: things of a sort whose field names it. */
const uses: Readonly<Partial<Record<Sort, readonly (readonly [Sort, string])[]>>> = {
  networks: [['ports', 'network_id']],
  routers: [['ports', 'device_id']],
  securityGroups: [['ports', 'security_groups']],
}

/** What goes along with a thing. */
const parts: Readonly<Partial<Record<Sort, readonly [Sort, string]>>> = {
  networks: ['subnets', 'network_id'],
  securityGroups: ['securityGroupRules', 'security_group_id'],
}

/** What a thing has that nobody asked for. */
const defaults: Readonly<Partial<Record<Sort, Fields>>> = {
  subnets: { dns_nameservers: [] },
  routers: { external_gateway_info: null, routes: [] },
  ports: { device_id: '', device_owner: '', fixed_ips: [], security_groups: [] },
  floatingIps: { port_id: null },
  securityGroupRules: {
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_group_id: null,
  },
  volumes: { metadata: {}, attachments: [] },
  loadBalancers: { provisioning_status: 'ACTIVE' },
}

/** Makes a cloud with one network to the outside, `outside`. It keeps the rules of the real one as far as a cluster's network goes; that one runs the same law. */
export function createNetworkDouble(): NetworkDouble {
  const world = createWorld()
  world.make('networks', { name: 'outside', 'router:external': true })
  return {
    connect: () => connect(world),
    add: (sort, fields) => void world.make(sort, fields),
    all: (sort) => [...world.stores[sort].values()],
    stores: world.stores,
  }
}

type World = ReturnType<typeof createWorld>

function createWorld() {
  const stores = Object.fromEntries(sorts.map((sort) => [sort, new Map<string, Thing>()])) as Record<
    Sort,
    Map<string, Thing>
  >
  let count = 0
  const naming = (sort: Sort, field: string, id: string) =>
    [...stores[sort].values()].filter((one) => one[field] === id || [one[field]].flat().includes(id))
  const put = (sort: Sort, fields: Fields): Thing => {
    const id = sort === 'keypairs' ? String(fields.name) : `${sort}-${++count}`
    const thing = { ...defaults[sort], ...fields, id }
    stores[sort].set(id, thing)
    return thing
  }
  const make = (sort: Sort, fields: Fields): Thing => {
    if (sort === 'keypairs' && stores.keypairs.has(String(fields.name))) throw new Failure('Conflict', 'it exists')
    if (sort === 'securityGroupRules')
      refuseSecond(naming(sort, 'security_group_id', String(fields.security_group_id)), fields)
    const thing = put(sort, fields)
    // Neutron lets every new group's servers out by itself.
    const egress = { direction: 'egress', security_group_id: thing.id }
    if (sort === 'securityGroups')
      for (const ethertype of ['IPv4', 'IPv6']) put('securityGroupRules', { ...egress, ethertype })
    return thing
  }
  const remove = (sort: Sort, id: string) => {
    if (!stores[sort].has(id)) return 'gone' as const
    const isUsed = (uses[sort] ?? []).some(([user, field]) => naming(user, field, id).length > 0)
    if (isUsed || (sort === 'subnets' && portsIn(id).length > 0)) throw new Failure('Conflict', `${id} is in use`)
    const part = parts[sort]
    if (part !== undefined) for (const one of naming(part[0], part[1], id)) stores[part[0]].delete(one.id)
    stores[sort].delete(id)
    return 'deleting' as const
  }
  const portsIn = (subnet: string) =>
    ([...stores.ports.values()] as unknown as readonly Port[]).filter(({ fixed_ips }) =>
      fixed_ips.some(({ subnet_id }) => subnet_id === subnet),
    )
  return { stores, make, remove, portsIn }
}

function refuseSecond(present: readonly Thing[], wanted: Fields): void {
  const fields = [
    'direction',
    'ethertype',
    'protocol',
    'port_range_min',
    'remote_ip_prefix',
    'remote_group_id',
  ] as const
  const same = (one: Fields) => fields.every((field) => (one[field] ?? null) === (wanted[field] ?? null))
  if (present.some(same)) throw new Failure('Conflict', 'the rule exists')
}

function connect(world: World): OpenStackClient {
  const { stores, make, portsIn } = world
  const network = (id: string) => String(stores.subnets.get(id)?.network_id)
  const joining = (router: string, subnet: string) => portsIn(subnet).filter((one) => one.device_id === router)
  const client: Partial<OpenStackClient> = {
    networks: collection(world, 'networks'),
    subnets: collection(world, 'subnets'),
    routers: collection(world, 'routers'),
    ports: collection(world, 'ports'),
    securityGroups: collection(world, 'securityGroups'),
    securityGroupRules: collection<SecurityGroupRule>(world, 'securityGroupRules'),
    floatingIps: collection(world, 'floatingIps'),
    keypairs: collection(world, 'keypairs'),
    volumes: collection(world, 'volumes'),
    loadBalancers: collection(world, 'loadBalancers'),
    addRouterInterface: async (router, subnet) => {
      if (joining(router, subnet).length > 0) return
      const port = { device_id: router, device_owner: 'network:router_interface', network_id: network(subnet) }
      make('ports', { ...port, fixed_ips: [{ subnet_id: subnet, ip_address: '10.250.0.1' }] })
    },
    removeRouterInterface: async (router, subnet) => {
      for (const { id } of joining(router, subnet)) stores.ports.delete(id)
    },
    hasVolumes: async () => true,
    hasLoadBalancers: async () => true,
    [Symbol.dispose]: () => {},
  }
  return client as OpenStackClient
}

/** Lists are narrowed down by equal fields, and show all fields whichever are asked for; addresses of ports by the one filter that is in use. */
function collection<Item>({ stores, make, remove, portsIn }: World, sort: Sort): Collection<Item> {
  const store = stores[sort]
  const find = (id: string): Thing => {
    const thing = store.get(id)
    if (thing === undefined) throw new Failure('NotFound', `there is no ${id}`)
    return thing
  }
  const matches = (thing: Thing, { fixed_ips: subnet, fields: _, ...filter }: Filter) =>
    Object.entries(filter).every(([field, value]) => thing[field] === value) &&
    (subnet === undefined || portsIn(String(subnet).replace('subnet_id=', '')).some(({ id }) => id === thing.id))
  return {
    list: async (filter) => [...store.values()].filter((thing) => matches(thing, filter)) as Item[],
    get: async (id) => find(id) as Item,
    create: async (fields) => make(sort, fields) as Item,
    update: async (id, fields) => {
      const next = { ...find(id), ...fields }
      store.set(id, next)
      return next as Item
    },
    remove: async (id) => remove(sort, id),
  }
}
