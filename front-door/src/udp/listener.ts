import { createSocket, type Socket } from 'node:dgram'
import { Failure } from '@trellis/foundation/failure'
import { familyOf, type IpAddress } from 'node-wireguard/address'
import type { Source } from './source.ts'

/** The door's socket at one of its addresses. */
export interface Listener extends AsyncDisposable {
  readonly port: number
  send(bytes: Buffer, to: Source): void
}

/** As much as kernels allow unless told: a burst of handshakes waits there. */
const bufferBytes = 4 * 1024 * 1024

/** Listens. Throws `Unavailable` that names `field` when the address or the port cannot be had. */
export async function listen(options: {
  readonly address: IpAddress
  readonly port: number
  readonly field: string
  readonly onPacket: (bytes: Buffer, source: Source, listener: Listener) => void
}): Promise<Listener> {
  const family = familyOf(options.address)
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    lookup: (address, _options, callback) => callback(null, address, family),
  })
  await bind(socket, options)
  const listener: Listener = {
    port: socket.address().port,
    send: (bytes, to) => socket.send(bytes, to.port, to.address, () => {}),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  }
  socket.on('message', (bytes, { address, port }) =>
    options.onPacket(bytes, { address: address as IpAddress, port }, listener),
  )
  return listener
}

function bind(
  socket: Socket,
  { address, port, field }: { readonly address: IpAddress; readonly port: number; readonly field: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', (cause) => {
      reject(new Failure('Unavailable', `UDP port ${port} of ${address} cannot be listened on`, { field, cause }))
    })
    socket.bind({ address, port }, () => {
      socket.removeAllListeners('error')
      // Later errors are of single packets.
      socket.on('error', () => {})
      enlarge(socket)
      resolve()
    })
  })
}

function enlarge(socket: Socket): void {
  try {
    socket.setRecvBufferSize(bufferBytes)
  } catch {
    // The kernel's own size serves, too.
  }
}
