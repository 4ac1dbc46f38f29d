import { createSocket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program for tests: sends a numbered datagram every 20 ms, or as often as told, to an echo and prints a line for each answer: `{"at",
 * "number","gapMilliseconds"}`, the instant, which one was answered and the time since the answer before it.
 */
const [address = '127.0.0.1', port = '7', interval = '20'] = process.argv.slice(2)
const clock = createSystemClock()
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
let last = performance.now()
socket.on('error', () => {})
socket.on('message', (bytes) => {
  const now = performance.now()
  process.stdout.write(`${JSON.stringify({ at: clock.now(), number: Number(bytes), gapMilliseconds: now - last })}\n`)
  last = now
})
for (let number = 0; ; number++) {
  socket.send(String(number), Number(port), address, () => {})
  await clock.sleep(Number(interval))
}
