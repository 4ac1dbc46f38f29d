import { createSocket } from 'node:dgram'

/**
 * A program for tests: sends to addresses (with commas between them) in turn as many datagrams as it can, which look like WireGuard's and are none: beginnings of
 * handshakes, packets, and some that are very large. Prints `{"sent"}` after the given number of seconds.
 */
const [list = '127.0.0.1', port = '51820', seconds = '1'] = process.argv.slice(2)
const addresses = list.split(',')
/** The first four bytes of a message tell its type. */
const datagram = (type: number, size: number) => Buffer.alloc(size, 0x5a).fill(0, 0, 4).fill(type, 0, 1)
const datagrams = [datagram(1, 148), datagram(2, 92), datagram(4, 1440), datagram(4, 60_000)]
const socket = createSocket('udp4')
const end = performance.now() + Number(seconds) * 1000
let sent = 0
let tried = 0
const sendSome = () => {
  if (performance.now() >= end) {
    process.stdout.write(`${JSON.stringify({ sent })}\n`)
    process.exit(0)
  }
  let left = 64
  for (let count = left; count > 0; count--) {
    // What the sender's queue refuses is not sent; the next turn comes all the same.
    tried++
    socket.send(
      datagrams[tried % datagrams.length] ?? '',
      Number(port),
      addresses[tried % addresses.length],
      (error) => {
        if (error === null) sent++
        if (--left === 0) sendSome()
      },
    )
  }
}
sendSome()
