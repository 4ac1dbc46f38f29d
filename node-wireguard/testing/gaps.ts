import { createSocket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program for tests: sends a datagram every 20 ms to an echo and prints a line for each answer: `{"at","gapMilliseconds"}`, the instant and
 * the time since the answer before it.
 */
const [address = '127.0.0.1', port = '7'] = process.argv.slice(2)
const clock = createSystemClock()
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
let last = performance.now()
socket.on('error', () => {})
socket.on('message', () => {
  const now = performance.now()
  process.stdout.write(`${JSON.stringify({ at: clock.now(), gapMilliseconds: now - last })}\n`)
  last = now
})
for (;;) {
  socket.send('x', Number(port), address, () => {})
  await clock.sleep(20)
}
