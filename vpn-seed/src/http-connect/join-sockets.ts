import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * Carries bytes both ways until both have ended. Each way reads no faster than the other side takes, so a stream that nobody reads costs its socket buffers and no more, and holds up no
 * other; the end of one way is passed on while the other way goes on. When one side breaks, the other is broken too. `onClose` is called once, when both are closed.
 */
export function joinSockets(a: Socket, b: Socket, onClose: () => void): void {
  let open = 2
  const watch = (one: Socket, other: Socket) => {
    // What follows from an error is in 'close'.
    one.on('error', () => {})
    one.once('close', () => {
      if (!one.readableEnded) breakOff(other)
      // It has said all, and takes no more: what it said is still on its way to the other side.
      else if (!one.writableFinished) other.destroySoon()
      open -= 1
      if (open === 0) onClose()
    })
  }
  watch(a, b)
  watch(b, a)
  a.pipe(b)
  b.pipe(a)
}

/** Ends a connection so that nobody takes what came of it for all there is: by a reset, or without the farewell of TLS. */
function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
