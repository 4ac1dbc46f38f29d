import { createConnection } from 'node:net'

/**
 * A program for tests: connects to an address and port, sends `count` bytes and waits for as many back, at most three seconds
 * without any unless told. Prints `{"seconds","bytes"}` or `{"problem"}`.
 */
const [address = '127.0.0.1', port = '7', count = '5', patience = '3000'] = process.argv.slice(2)
const wanted = Number(count)
const startedAt = performance.now()
let received = 0
const finish = (report: object) => {
  process.stdout.write(`${JSON.stringify(report)}\n`)
  process.exit(0)
}
const socket = createConnection({ host: address, port: Number(port), timeout: Number(patience) })
socket.on('error', (error: NodeJS.ErrnoException) => finish({ problem: error.code ?? error.message }))
socket.on('timeout', () => finish({ problem: 'timeout' }))
socket.on('data', (bytes) => {
  received += bytes.length
  if (received >= wanted) finish({ seconds: (performance.now() - startedAt) / 1000, bytes: received })
})
socket.on('connect', () => {
  const block = Buffer.alloc(Math.min(wanted, 256 * 1024), 'x')
  let left = wanted
  const send = () => {
    while (left > 0) {
      const part = block.subarray(0, Math.min(left, block.length))
      left -= part.length
      if (!socket.write(part)) {
        socket.once('drain', send)
        return
      }
    }
  }
  send()
})
