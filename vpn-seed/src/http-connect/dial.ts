import { connect, type Socket } from 'node:net'
import type { IpAddress } from 'node-wireguard/address'
import type { Destination } from './destination.ts'
import { type RefusalReason, reasonOf } from './refusal.ts'

/** Peers that are gone without a word are found this long after the last packet. */
export const keepaliveMilliseconds = 30_000

/**
 * Connects to the first of the destination's addresses that answers, before the signal aborts. The other side may end its half of the connection without ending ours.
 * The reason is that of the last address; `timeout` when the signal has aborted.
 */
export async function dial(destination: Destination, signal: AbortSignal): Promise<Socket | RefusalReason> {
  let last: RefusalReason = 'timeout'
  for (const address of destination.addresses) {
    if (signal.aborted) return 'timeout'
    const result = await open(address, destination.port, signal)
    if (typeof result !== 'string') return result
    last = result
  }
  return last
}

function open(host: IpAddress, port: number, signal: AbortSignal): Promise<Socket | RefusalReason> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true })
    const settle = (result: Socket | RefusalReason) => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      resolve(result)
    }
    const onAbort = () => {
      settle('timeout')
      socket.destroy()
    }
    const onError = (error: unknown) => settle(reasonOf(error))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepaliveMilliseconds)
      settle(socket)
    })
  })
}
