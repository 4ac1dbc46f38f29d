import { createSocket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program: sends a datagram every 20 ms to an address and port that echo, from its start until the first answer. Prints `{"at"}`, the instant of that
 * answer in milliseconds since the Unix epoch, and ends.
 */
const [address = '127.0.0.1', port = '7'] = process.argv.slice(2)
const clock = createSystemClock()
const socket = createSocket('udp4')
// While the other end is away the kernel may say so; only an answer counts.
socket.on('error', () => {})
socket.on('message', () => {
  process.stdout.write(`${JSON.stringify({ at: clock.now() })}\n`)
  process.exit(0)
})
for (;;) {
  socket.send('x', Number(port), address, () => {})
  await clock.sleep(20)
}
