import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** A program for tests: echoes TCP and UDP on the address and port it is given, and says "ready" once it does. */
const [address = '0.0.0.0', port = '7'] = process.argv.slice(2)
const datagrams = createSocket(address.includes(':') ? 'udp6' : 'udp4')
datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address))
const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
datagrams.bind(Number(port), address, () => server.listen(Number(port), address, () => process.stdout.write('ready\n')))
