import { createConnection } from 'node:net'
import { createSystemClock } from '@trellis/foundation/clock'

/**
 * A program for tests: keeps a TCP connection to an echo, sends a block every 20 ms and prints a line for what has come back since:
 * `{"bytes"}`, or `{"problem"}` once when the connection fails.
 */
const [address = '127.0.0.1', port = '7', blockBytes = '20000'] = process.argv.slice(2)
const clock = createSystemClock()
const block = Buffer.alloc(Number(blockBytes), 'x')
const socket = createConnection({ host: address, port: Number(port) })
let received = 0
socket.on('error', (error: NodeJS.ErrnoException) => {
  process.stdout.write(`${JSON.stringify({ problem: error.code ?? error.message })}\n`)
  process.exit(1)
})
socket.on('data', (bytes) => {
  received += bytes.length
})
for (;;) {
  // What the way cannot take now is not added to.
  if (!socket.writableNeedDrain) socket.write(block)
  await clock.sleep(20)
  if (received > 0) process.stdout.write(`${JSON.stringify({ bytes: received })}\n`)
  received = 0
}
