import { createSocket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program for tests: sends a numbered datagram at an interval, 20 ms unless told, to an echo and prints a line for each answer:
 * `{"at","sequence","gapMilliseconds"}`, the instant, the number and the time since the answer before it.
 */
const [address = '127.0.0.1', port = '7', interval = '20'] = process.argv.slice(2)
const clock = createSystemClock()
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
let last = performance.now()
socket.on('error', () => {})
socket.on('message', (bytes) => {
  const now = performance.now()
  const answer = { at: clock.now(), sequence: Number(bytes.toString()), gapMilliseconds: now - last }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
  last = now
})
for (let sequence = 0; ; sequence++) {
  socket.send(String(sequence), Number(port), address, () => {})
  await clock.sleep(Number(interval))
}
