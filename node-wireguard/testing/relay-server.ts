import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket as TcpSocket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { createSystemClock } from '@trellis/foundation/clock'
import { InvariantError } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { parseEndpoint } from '../src/endpoint.ts'
import { generatePrivateKey, type PublicKey, publicKeyOf } from '../src/key.ts'
import { type RelayClientOptions, startRelayClient } from '../src/relay/client.ts'
import { type RelayServer, startRelayServer } from '../src/relay/server.ts'
import { openLaboratory } from './namespaces.ts'
import { relayProgram } from './programs.ts'
import {
  createRelayCertificates,
  type RelayCertificateFiles,
  type RelayCertificates,
  relayServerName,
} from './relay-ends.ts'

const random = createSystemRandom()
const environment = { clock: createSystemClock(), random, log: createSilentLog(), program: relayProgram() }

/** A server in front of a device that is a plain socket. */
export async function openRelayServer() {
  await using stack = new AsyncDisposableStack()
  const laboratory = stack.use(openLaboratory())
  const certificates = await createRelayCertificates(laboratory)
  const device = await openSocket()
  stack.defer(() => void device.close())
  const link = newLink()
  const server = stack.use(
    await startRelayServer({
      ...environment,
      listen: '127.0.0.1:0',
      identity: { ...(await certificates.issue('server', 'server')), caFile: certificates.caFile },
      links: new Map([[link, device.address().port]]),
    }),
  )
  const owned = stack.move()
  return { certificates, device, link, server, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** What is open, until it is disposed of. */
export type OpenRelayServer = Awaited<ReturnType<typeof openRelayServer>>

/** Names a link that nobody has. */
export function newLink(): PublicKey {
  return publicKeyOf(generatePrivateKey(random))
}

/** A socket on loopback. */
export async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

/** Starts a client that dials the server. */
export function startClient(
  { certificates, link, server }: OpenRelayServer,
  identity: RelayCertificateFiles,
  more: Partial<RelayClientOptions> = {},
) {
  return startRelayClient({
    ...environment,
    target: {
      ...identity,
      caFile: certificates.caFile,
      endpoint: parseEndpoint(`127.0.0.1:${server.port()}`),
      serverName: relayServerName,
      link,
    },
    resolve: async () => [],
    ...more,
  })
}

/** A TLS connection that speaks for itself. */
export async function dial(
  server: RelayServer,
  certificates: RelayCertificates,
  options: { readonly identity?: RelayCertificateFiles; readonly protocol?: string } = {},
): Promise<TLSSocket> {
  const { identity, protocol = 'trellis-vpn/1' } = options
  const socket = connect({
    ...{ host: '127.0.0.1', port: server.port(), servername: relayServerName, ALPNProtocols: [protocol] },
    ca: readFileSync(certificates.caFile),
    ...(identity === undefined
      ? {}
      : { cert: readFileSync(identity.certificateFile), key: readFileSync(identity.keyFile) }),
  })
  socket.on('error', () => {})
  return socket
}

/** Resolves when the connection is over, with an error or without. */
export function ended(socket: TcpSocket): Promise<void> {
  if (socket.closed) return Promise.resolve()
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
  })
}

/** A frame as it is on the wire: datagrams of one size, of which the last may be shorter. */
export function frame(segmentBytes: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(segmentBytes, 0)
  head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

/** The first frame of a client. */
export const naming = (link: PublicKey) => frame(32, Buffer.from(link, 'base64'))

/** Connects, names the link, and waits until the server has said that it is there. */
export async function greet({ server, certificates, link }: OpenRelayServer): Promise<TLSSocket> {
  const socket = await dial(server, certificates, { identity: await certificates.issue('client', 'client') })
  socket.write(naming(link))
  const [bytes] = await once(socket, 'data')
  if (!frame(0, Buffer.alloc(0)).equals(bytes)) throw new InvariantError('the server did not take the link')
  return socket
}
