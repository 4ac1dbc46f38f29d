import type { ScriptedAnswer, SeenRequest } from './scripted-cloud.ts'

/** A thing of a service, as its API shows it. */
type Thing = Record<string, unknown> & { readonly id: string }

/** What the services hold, by the plural in their paths. */
export interface NetworkServices {
  readonly things: Readonly<Record<Sort, Map<string, Thing>>>
  /** Addresses and ports of the members of each pool. */
  readonly members: Map<string, readonly Record<string, unknown>[]>
  /** Adds a thing. */
  add(sort: Sort, thing: Record<string, unknown> & { id?: string }): Thing
  /** Answers a request of Octavia, Neutron or Nova as they would. */
  answer(request: SeenRequest): ScriptedAnswer
}

const sorts = ['loadbalancers', 'listeners', 'pools', 'routers', 'ports', 'floatingips', 'servers'] as const
type Sort = (typeof sorts)[number]

const pathPattern =
  /^\/(?:neutron\/v2\.0|octavia\/v2\/lbaas|nova\/v2\.1)\/([a-z]+)(?:\/([^/?]+))?(?:\/([a-z_]+))?(?:\?(.*))?$/

/** What must be said of a new thing. */
const needed: Readonly<Partial<Record<Sort, readonly string[]>>> = {
  loadbalancers: ['vip_subnet_id'],
  listeners: ['loadbalancer_id', 'protocol', 'protocol_port'],
  pools: ['protocol', 'lb_algorithm', 'loadbalancer_id'],
  floatingips: ['floating_network_id'],
}

/**
 * Octavia over HTTP, as far as its documentation says how it behaves, with as much of Neutron and Nova as hangs on it. Every change makes a load balancer busy until it was looked at once; changes of a busy one
 * are refused. One that has parts goes only with them. A port of Neutron comes and goes with each.
 */
export function createNetworkServices(): NetworkServices {
  const things = Object.fromEntries(sorts.map((sort) => [sort, new Map<string, Thing>()])) as NetworkServices['things']
  const members: NetworkServices['members'] = new Map()
  let count = 0
  const add: NetworkServices['add'] = (sort, thing) => {
    const made = { ...thing, id: thing.id ?? `${sort}-${++count}` }
    things[sort].set(made.id, made)
    return made
  }
  const world = { things, members, add }
  return { ...world, answer: (request) => answer(world, request) }
}

type World = Omit<NetworkServices, 'answer'>

interface Wish {
  readonly sort: Sort
  readonly id: string
  readonly query: URLSearchParams
  /** What is inside the word around the body. */
  readonly fields: Record<string, unknown>
}

function answer(world: World, { method, path, body }: SeenRequest): ScriptedAnswer {
  const [, plural = '', first = '', second = '', query = ''] = pathPattern.exec(path) ?? []
  const sort = sorts.find((one) => one === plural)
  if (sort === undefined) return refusal(404, `no ${path}`)
  if (sort === 'pools' && second === 'members') return answerMembers(world, { method, pool: first, body })
  const inner = Object.values((body ?? {}) as Record<string, Record<string, unknown>>)[0] ?? {}
  const wish = { sort, id: first === 'detail' ? '' : first, query: new URLSearchParams(query), fields: inner }
  if (method === 'GET') return wish.id === '' ? list(world, wish) : show(world, wish)
  return method === 'POST' ? create(world, wish) : remove(world, wish)
}

function list({ things }: World, { sort, query }: Wish): ScriptedAnswer {
  const found = [...things[sort].values()].filter((thing) =>
    [...query].every(([key, value]) => fits(thing, key, value)),
  )
  return { status: 200, body: { [sort]: found } }
}

function fits(thing: Thing, key: string, value: string): boolean {
  const tags = (thing.tags ?? []) as readonly string[]
  if (key === 'tags') return value.split(',').every((tag) => tags.includes(tag))
  if (key === 'not-tags') return !value.split(',').every((tag) => tags.includes(tag))
  return thing[key] === undefined || String(thing[key]) === value
}

function show({ things }: World, { sort, id }: Wish): ScriptedAnswer {
  const thing = things[sort].get(id)
  if (thing === undefined) return refusal(404, `no ${sort} ${id}`)
  if (sort === 'loadbalancers') {
    if (thing.provisioning_status === 'PENDING_DELETE') things[sort].delete(id)
    else things[sort].set(id, { ...thing, provisioning_status: 'ACTIVE' })
  }
  return { status: 200, body: { [sort.slice(0, -1)]: thing } }
}

function create(world: World, { sort, fields }: Wish): ScriptedAnswer {
  const lacking = needed[sort]?.find((name) => fields[name] === undefined)
  if (lacking !== undefined) return refusal(400, `${lacking} is needed`)
  const balancer = fields.loadbalancer_id
  if (typeof balancer === 'string') {
    const busy = occupy(world, balancer)
    if (busy !== undefined) return busy
  }
  if (sort === 'listeners' && [...world.things.listeners.values()].some((one) => sameListener(one, fields))) {
    return refusal(409, 'another listener has that port')
  }
  return { status: 201, body: { [sort.slice(0, -1)]: world.add(sort, { ...extras(world, sort), ...fields }) } }
}

function sameListener(one: Thing, fields: Record<string, unknown>): boolean {
  return ['loadbalancer_id', 'protocol', 'protocol_port'].every((key) => one[key] === fields[key])
}

/** What the service adds to a new thing. */
function extras({ things, add }: World, sort: Sort): Record<string, unknown> {
  if (sort === 'floatingips') return { floating_ip_address: `203.0.113.${things.floatingips.size + 1}` }
  if (sort !== 'loadbalancers') return {}
  const address = `10.250.0.${200 + things.loadbalancers.size}`
  const fixed = [{ subnet_id: 'subnet-1', ip_address: address }]
  const { id } = add('ports', { device_id: 'lb', device_owner: 'Octavia', network_id: 'network-1', fixed_ips: fixed })
  return { vip_port_id: id, vip_address: address, provisioning_status: 'PENDING_CREATE', provider: 'amphora' }
}

function remove(world: World, { sort, id, query }: Wish): ScriptedAnswer {
  const { things } = world
  const thing = things[sort].get(id)
  if (thing === undefined) return refusal(404, `no ${sort} ${id}`)
  if (sort === 'loadbalancers') return removeBalancer(world, thing, query.get('cascade') === 'true')
  const busy = typeof thing.loadbalancer_id === 'string' ? occupy(world, thing.loadbalancer_id) : undefined
  if (busy !== undefined) return busy
  things[sort].delete(id)
  return { status: 204 }
}

function removeBalancer({ things }: World, thing: Thing, cascade: boolean): ScriptedAnswer {
  if (String(thing.provisioning_status).startsWith('PENDING')) return refusal(409, 'the load balancer is immutable')
  for (const sort of ['listeners', 'pools'] as const) {
    for (const part of [...things[sort].values()].filter((one) => one.loadbalancer_id === thing.id)) {
      if (!cascade) return refusal(400, 'the load balancer has parts')
      things[sort].delete(part.id)
    }
  }
  things.ports.delete(String(thing.vip_port_id))
  things.loadbalancers.set(thing.id, { ...thing, provisioning_status: 'PENDING_DELETE' })
  return { status: 204 }
}

function answerMembers(
  world: World,
  { method, pool, body }: { readonly method: string; readonly pool: string; readonly body: unknown },
): ScriptedAnswer {
  const owner = world.things.pools.get(pool)
  if (owner === undefined) return refusal(404, `no pool ${pool}`)
  if (method === 'GET') return { status: 200, body: { members: world.members.get(pool) ?? [] } }
  const busy = occupy(world, String(owner.loadbalancer_id))
  if (busy !== undefined) return busy
  world.members.set(pool, (body as { members: readonly Record<string, unknown>[] }).members)
  return { status: 202 }
}

/** Makes a load balancer busy; a refusal when it is. */
function occupy({ things }: World, id: string): ScriptedAnswer | undefined {
  const balancer = things.loadbalancers.get(id)
  if (balancer === undefined) return refusal(404, `no load balancer ${id}`)
  if (balancer.provisioning_status !== 'ACTIVE') return refusal(409, 'the load balancer is immutable')
  things.loadbalancers.set(id, { ...balancer, provisioning_status: 'PENDING_UPDATE' })
  return undefined
}

function refusal(status: number, faultstring: string): ScriptedAnswer {
  return { status, body: { faultcode: 'Client', faultstring } }
}
