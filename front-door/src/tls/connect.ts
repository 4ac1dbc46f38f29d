import { createConnection, type Socket } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import type { Target } from '../destinations/destinations.ts'

/** Connects to the first of the targets that takes it, each within so much time; undefined when none does. */
export async function connectToOneOf(
  targets: readonly Target[],
  clock: Clock,
  milliseconds: number,
): Promise<Socket | undefined> {
  for (const target of targets) {
    const socket = await connectTo(target, clock, milliseconds)
    if (socket !== undefined) return socket
  }
  return undefined
}

function connectTo({ address, port }: Target, clock: Clock, milliseconds: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, allowHalfOpen: true, noDelay: true })
    const finish = (connected: Socket | undefined) => {
      timer.cancel()
      socket.off('connect', onConnect)
      if (connected === undefined) socket.destroy()
      resolve(connected)
    }
    const onConnect = () => finish(socket)
    const timer = clock.setTimer(milliseconds, () => finish(undefined))
    socket.on('connect', onConnect)
    // Stays: an error that nobody listens to would end the process. What follows it is the end of the socket.
    socket.on('error', () => finish(undefined))
  })
}
