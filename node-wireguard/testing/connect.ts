import { createConnection } from 'node:net'
import { never } from './never.ts'

/**
 * A program for tests: connects to an address and port, sends `count` bytes and waits for the same back, as long as nothing counts as one that never comes unless told.
 * Prints `{"seconds","bytes"}` or `{"problem"}`.
 */
const [address = '127.0.0.1', port = '7', count = '5', patience = String(never)] = process.argv.slice(2)
const wanted = Number(count)
const startedAt = performance.now()
let received = 0
/** A prime number of bytes, so that no shift by whole packets or pages looks like the right place. */
const block = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * index + 7 * index) >> 5))
const finish = (report: object) => {
  process.stdout.write(`${JSON.stringify(report)}\n`)
  process.exit(0)
}
const socket = createConnection({ host: address, port: Number(port), timeout: Number(patience) })
socket.on('error', (error: NodeJS.ErrnoException) => finish({ problem: error.code ?? error.message }))
socket.on('timeout', () => finish({ problem: 'timeout' }))
/** Whether bytes are those that were sent at this place. */
const isRight = (bytes: Buffer, place: number) => {
  for (let done = 0; done < bytes.length; ) {
    const expected = block.subarray((place + done) % block.length)
    const part = bytes.subarray(done, done + expected.length)
    if (!part.equals(expected.subarray(0, part.length))) return false
    done += part.length
  }
  return true
}
socket.on('data', (bytes: Buffer) => {
  if (!isRight(bytes, received)) finish({ problem: 'other bytes came back than were sent' })
  received += bytes.length
  if (received >= wanted) finish({ seconds: (performance.now() - startedAt) / 1000, bytes: received })
})
socket.on('connect', () => {
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
