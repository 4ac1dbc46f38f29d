import { once } from 'node:events'
import { connect } from 'node:net'

/** A program: opens COUNT connections to ADDRESS and PORT, one after the other, and prints how many milliseconds the handshake of TCP took each time, as a JSON list. */
const [address = '', port = '', count = ''] = process.argv.slice(2)
const milliseconds: number[] = []
for (let done = 0; done < Number(count); done++) {
  const startedAt = performance.now()
  const socket = connect({ host: address, port: Number(port) })
  await once(socket, 'connect')
  milliseconds.push(performance.now() - startedAt)
  socket.destroy()
}
process.stdout.write(`${JSON.stringify(milliseconds)}\n`)
