import { createSocket } from 'node:dgram'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'

/** A program for tests: sends handshakes for nobody and data of no session to an address and port, several thousand a second, until it is ended. */
const [address = '127.0.0.1', port = '51820'] = process.argv.slice(2)
const clock = createSystemClock()
const random = createSystemRandom()
const socket = createSocket('udp4')
socket.on('error', () => {})
const burst = 50
for (;;) {
  for (let count = 0; count < burst; count++) {
    const kind = count % 2 === 0 ? 1 : 4
    const bytes = random.bytes(148)
    bytes.writeUInt32LE(kind)
    socket.send(bytes, Number(port), address, () => {})
  }
  await clock.sleep(10)
}
