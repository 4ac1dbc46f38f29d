import { Failure } from '@trellis/foundation/failure'
import type { CallOptions, CloudClient, NetworkedListFilter, Server, ServerRequest } from '../src/client.ts'

/** A cloud in memory that keeps the rules of the real one as far as servers go. */
export interface CloudDouble {
  /** A client of it, as any number of processes may have. */
  connect(): CloudClient
  readonly servers: Map<string, Server>
  /** Lets every creation and deletion that is under way end. */
  settle(): void
  /** The next server to be made ends up failed, for this reason. */
  failNext(failure: NonNullable<Server['failure']>): void
  /** Makes one more server like this one, which the real cloud never does: names are unique there. */
  duplicate(id: string): Server
  /** The answer to the next creation is lost. */
  loseNextCreation(): void
}

/** Makes a cloud with two networks, one image and one flavor. */
export function createCloudDouble(): CloudDouble {
  const servers = new Map<string, Server>()
  const failures: NonNullable<Server['failure']>[] = []
  let count = 0
  let lose = false
  const double: Omit<CloudDouble, 'connect'> = {
    servers,
    duplicate: (id) => {
      const present = servers.get(id)
      if (present === undefined) throw new Failure('NotFound', `there is no server ${id}`)
      const server: Server = { ...present, id: `srv-${++count}` }
      servers.set(server.id, server)
      return server
    },
    failNext: (failure) => void failures.push(failure),
    loseNextCreation: () => {
      lose = true
    },
    settle: () => {
      for (const [id, server] of servers) {
        if (server.state === 'deleting') servers.delete(id)
        if (server.state !== 'creating') continue
        const failure = failures.shift()
        servers.set(
          id,
          failure === undefined ? { ...server, state: 'running' } : { ...server, state: 'failed', failure },
        )
      }
    },
  }
  const create = (request: ServerRequest): Server => {
    check(request)
    const present = [...servers.values()].find(
      ({ name, network }) => name === request.name && network === request.network,
    )
    if (present !== undefined) return present
    const id = `srv-${++count}`
    const server: Server = {
      ...request,
      tags: request.tags ?? {},
      id,
      createdAt: '2026-01-01T00:00:00Z',
      state: 'creating',
      privateAddress: `10.250.0.${count + 1}`,
      publicAddress: '198.18.1.1',
    }
    servers.set(id, server)
    if (!lose) return server
    lose = false
    throw new Failure('Unavailable', 'the connection broke')
  }
  const find = (id: string): Server => {
    const server = servers.get(id)
    if (server === undefined) throw new Failure('NotFound', `there is no server ${id}`)
    return server
  }
  const client = {
    createServer: async (request: ServerRequest, options?: CallOptions) => {
      options?.signal?.throwIfAborted()
      return create(request)
    },
    listServers: async ({ name, network, tags = {} }: NetworkedListFilter = {}) =>
      [...servers.values()].filter(
        (server) =>
          (name === undefined || server.name === name) &&
          (network === undefined || server.network === network) &&
          Object.entries(tags).every(([key, value]) => server.tags[key] === value),
      ),
    getServer: async (id: string) => find(id),
    deleteServer: async (id: string) => {
      const server = servers.get(id)
      if (server === undefined) return 'gone' as const
      servers.set(id, { ...server, state: 'deleting' })
      return 'deleting' as const
    },
    console: async (id: string) => `console of ${find(id).name}`,
    [Symbol.dispose]: () => {},
  }
  return { ...double, connect: () => client as Partial<CloudClient> as CloudClient }
}

function check(request: ServerRequest): void {
  const known = { network: ['net-one', 'net-two'], image: ['debian'], flavor: ['small'] }
  for (const [field, values] of Object.entries(known)) {
    if (!values.includes(String(request[field as keyof ServerRequest]))) {
      throw new Failure('Invalid', `there is no such ${field}`, { field })
    }
  }
}
