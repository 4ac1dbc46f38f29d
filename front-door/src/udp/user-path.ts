import { createSocket } from 'node:dgram'
import { familyOf } from 'node-wireguard/address'
import type { Target } from '../destinations/destinations.ts'

/** A socket of its own through which one source speaks to its destination, so that answers need no sorting. */
export interface UserPath {
  readonly target: Target
  send(bytes: Buffer): void
  close(): void
}

/** Opens a path. `onAnswer` gets what comes from the target, and nothing that others send to the socket; `onError` says that the socket is of no use any more. */
export function openUserPath(options: {
  readonly target: Target
  readonly onAnswer: (bytes: Buffer) => void
  readonly onError: (error: Error) => void
}): UserPath {
  const { target } = options
  const socket = createSocket({
    type: familyOf(target.address) === 6 ? 'udp6' : 'udp4',
    // The address is one already: nobody is to be asked.
    lookup: (address, _options, callback) => callback(null, address, familyOf(target.address)),
  })
  let open = true
  socket.on('message', (bytes, from) => {
    if (from.port === target.port && from.address === target.address) options.onAnswer(bytes)
  })
  socket.on('error', options.onError)
  return {
    target,
    send: (bytes) => {
      // A packet that cannot be sent is lost as any other may be; both ends of a tunnel see to that.
      if (open) socket.send(bytes, target.port, target.address, () => {})
    },
    close: () => {
      if (!open) return
      open = false
      socket.close()
    },
  }
}
