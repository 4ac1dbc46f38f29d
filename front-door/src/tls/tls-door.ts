import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import { type IpAddress, parseIpAddress } from 'node-wireguard/address'
import type { ServerDestination, Target } from '../destinations/destinations.ts'
import { type AdmissionLimits, createAdmission } from './admission.ts'
import { alertRecord } from './alert.ts'
import type { ClientHello } from './client-hello.ts'
import { connectToOneOf } from './connect.ts'
import { type ConnectionResult, createConnectionResults, type TlsCounts } from './counts.ts'
import { readFirstBytes } from './first-bytes.ts'
import { join } from './join.ts'

/** How many connections there may be, and how long things may take. */
export interface TlsLimits extends AdmissionLimits {
  readonly helloMilliseconds: number
  readonly connectMilliseconds: number
  /** How long connections may go on once the door is closing. */
  readonly drainMilliseconds: number
}

/** What the TLS side of the door takes. */
export interface TlsDoorOptions {
  readonly clock: Clock
  readonly random: Random
  readonly addresses: readonly IpAddress[]
  readonly port: number
  readonly limits: TlsLimits
}

/** The TLS side of the front door. Disposing of it takes no new connections and waits for those there are, up to a limit. */
export interface TlsDoor extends AsyncDisposable {
  counts(): TlsCounts
  /** Addresses of the servers that have connections from a client's address now. */
  serversOf(clientAddress: string): readonly IpAddress[]
  readonly ports: readonly number[]
  /** Leads to these servers from now on; connections stay where they are. */
  setDestinations(servers: readonly ServerDestination[]): void
}

/** Connections that are silent for so long are asked by TCP whether their other end is still there. */
const keepAliveMilliseconds = 60_000

/**
 * Passes streams on to the server that their TLS client names, as they are: nothing is decrypted. Whoever names none that is known here gets the alert `unrecognized_name`. Throws `Unavailable`
 * that names the field when it cannot listen.
 */
export async function openTlsDoor(options: TlsDoorOptions): Promise<TlsDoor> {
  const porter = createPorter(options)
  await using stack = new AsyncDisposableStack()
  const listening: Server[] = []
  for (const [index, address] of options.addresses.entries()) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => void porter.serve(client))
    await listen(server, { address, port: options.port, field: `tls.addresses[${index}]` })
    listening.push(server)
    stack.defer(() => drain(server, porter.sockets, options))
  }
  const resources = stack.move()
  return {
    counts: porter.counts,
    serversOf: porter.serversOf,
    ports: listening.map((server) => (server.address() as { readonly port: number }).port),
    setDestinations: porter.setDestinations,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Leads one client after the other to its server. */
function createPorter({ clock, random, limits }: TlsDoorOptions) {
  const results = createConnectionResults()
  const bytes = { toServer: 0, toClient: 0 }
  const admission = createAdmission(limits)
  const sockets = new Set<Socket>()
  const joined = createJoined()
  let servers: ReadonlyMap<string, readonly Target[]> = new Map()

  function track(socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.setKeepAlive(true, keepAliveMilliseconds)
  }

  async function serve(client: Socket): Promise<void> {
    // An error is followed by the end of the socket, and that is what counts.
    client.on('error', () => {})
    if (!admission.admit(client)) {
      results.limit++
      client.destroy()
      return
    }
    track(client)
    const { hello, bytes: first } = await readFirstBytes(client, clock, limits.helloMilliseconds)
    const refusal = refusalOf(hello, servers)
    if (refusal !== undefined || hello.kind !== 'named') return refuse(client, refusal ?? 'malformed')
    const targets = fromAnyOn(servers.get(hello.serverName) ?? [], random)
    const server = await connectToOneOf(targets, clock, limits.connectMilliseconds)
    if (server === undefined) return refuse(client, 'unreachable')
    track(server)
    results.passed++
    server.once('close', () => {
      bytes.toServer += server.bytesWritten
      bytes.toClient += server.bytesRead
    })
    joined.add(client, server)
    server.write(first)
    join(client, server)
  }

  function refuse(client: Socket, result: ConnectionResult): void {
    results[result]++
    const alert = alerts[result]
    if (alert === undefined) client.destroy()
    else client.end(alertRecord(alert), () => client.destroy())
  }

  return {
    serve,
    sockets,
    serversOf: joined.serversOf,
    counts: () => ({ open: admission.open(), results, bytes }),
    setDestinations: (list: readonly ServerDestination[]) => {
      servers = new Map(list.flatMap(({ serverNames, targets }) => serverNames.map((name) => [name, targets] as const)))
    },
  }
}

/** Which servers' addresses have connections from which clients' addresses. */
function createJoined() {
  const pairs = new Map<string, Map<Socket, IpAddress>>()
  return {
    serversOf: (clientAddress: string) => [...new Set(pairs.get(clientAddress)?.values())],
    add: (client: Socket, server: Socket) => {
      const address = client.remoteAddress
      if (address === undefined || server.remoteAddress === undefined) return
      const mine = pairs.get(address) ?? new Map<Socket, IpAddress>()
      pairs.set(address, mine.set(server, parseIpAddress(server.remoteAddress)))
      server.once('close', () => {
        mine.delete(server)
        if (mine.size === 0) pairs.delete(address)
      })
    },
  }
}

/** What a client is told; nothing where it would not understand or is not there. */
const alerts: Partial<Record<ConnectionResult, Parameters<typeof alertRecord>[0]>> = {
  'unknown-name': 'unrecognized_name',
  nameless: 'unrecognized_name',
  malformed: 'decode_error',
  unreachable: 'internal_error',
}

function refusalOf(
  hello: ClientHello | { readonly kind: 'late' },
  servers: ReadonlyMap<string, unknown>,
): ConnectionResult | undefined {
  if (hello.kind === 'named') return servers.has(hello.serverName) ? undefined : 'unknown-name'
  return hello.kind === 'more' ? 'malformed' : hello.kind
}

/** The same targets in turn, beginning anywhere. */
function fromAnyOn(targets: readonly Target[], random: Random): readonly Target[] {
  const start = random.integer(Math.max(1, targets.length))
  return [...targets.slice(start), ...targets.slice(0, start)]
}

function listen(
  server: Server,
  { address, port, field }: { readonly address: string; readonly port: number; readonly field: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Failure('Unavailable', `TCP port ${port} of ${address} cannot be listened on`, { field, cause })),
    )
    server.listen({ host: address, port, ipv6Only: address.includes(':') }, resolve)
  })
}

async function drain(server: Server, sockets: ReadonlySet<Socket>, { clock, limits }: TlsDoorOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const timer = clock.setTimer(limits.drainMilliseconds, () => {
    for (const socket of sockets) socket.destroy()
  })
  await closed
  timer.cancel()
}
