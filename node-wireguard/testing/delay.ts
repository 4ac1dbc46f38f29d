import { createSocket, type Socket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program for tests: passes UDP datagrams on to another place, and what comes back to whoever sent them, each so many milliseconds after it came.
 * Prints "ready". It has a socket for each sender, as a translator has a flow.
 */
const [address = '127.0.0.1', port = '0', targetAddress = '127.0.0.1', targetPort = '0', delay = '0'] =
  process.argv.slice(2)
const clock = createSystemClock()
const family = (host: string) => (host.includes(':') ? ('udp6' as const) : ('udp4' as const))
const ways = new Map<string, Socket>()
const front = createSocket(family(address))
const later = (work: () => void) => clock.setTimer(Number(delay), work)

function wayOf(sender: { readonly address: string; readonly port: number }): Socket {
  const key = `${sender.address} ${sender.port}`
  const known = ways.get(key)
  if (known !== undefined) return known
  const way = createSocket(family(targetAddress)).on('error', () => {})
  way.on('message', (bytes) => later(() => front.send(bytes, sender.port, sender.address, () => {})))
  ways.set(key, way)
  return way
}

front.on('message', (bytes, sender) => {
  const way = wayOf(sender)
  later(() => way.send(bytes, Number(targetPort), targetAddress, () => {}))
})
front.bind(Number(port), address, () => process.stdout.write('ready\n'))
