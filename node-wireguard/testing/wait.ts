import { createConnection } from 'node:net'

/**
 * A program for tests: opens a TCP connection to an echo, has one byte come back and then only waits; asked by SIGUSR2 it has one more come back.
 * Prints `{"echoes"}` after each, or `{"problem"}` once when the connection fails.
 */
const [address = '127.0.0.1', port = '7'] = process.argv.slice(2)
let echoes = 0
const socket = createConnection({ host: address, port: Number(port) }, () => socket.write('x'))
socket.on('data', () => process.stdout.write(`${JSON.stringify({ echoes: ++echoes })}\n`))
socket.on('error', (error: NodeJS.ErrnoException) => {
  process.stdout.write(`${JSON.stringify({ problem: error.code ?? error.message })}\n`)
  process.exit(1)
})
process.on('SIGUSR2', () => socket.write('x'))
