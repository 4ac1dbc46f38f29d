import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { blockBytes, type TrafficRequest } from './request.ts'

/**
 * A program: serves traffic on the TCP port it is given. A connection begins with a line of JSON, a `TrafficRequest`. `sink` takes in all that comes and
 * answers, when the time is over, with a line that says what came; `source` sends as fast as it can until the other end has had enough; `echo` sends back.
 * Datagrams to the same port number are sent back too. Says "ready" once it serves.
 */
const port = Number(process.argv[2])

function serve(socket: Socket): void {
  let head = Buffer.alloc(0)
  const onHead = (bytes: Buffer) => {
    head = Buffer.concat([head, bytes])
    const end = head.indexOf('\n')
    if (end < 0) return
    socket.off('data', onHead)
    begin(socket, JSON.parse(head.subarray(0, end).toString()) as TrafficRequest)
    // The first of what follows may have come along with the line.
    if (end + 1 < head.length) socket.emit('data', head.subarray(end + 1))
  }
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', onHead)
}

function begin(socket: Socket, request: TrafficRequest): void {
  if (request.mode === 'echo') socket.on('data', (bytes) => socket.write(bytes))
  else if (request.mode === 'source') pour(socket)
  else swallow(socket, request)
}

function swallow(socket: Socket, { warmUpSeconds, seconds }: TrafficRequest): void {
  const begin = performance.now() + warmUpSeconds * 1000
  let counted = 0
  let answered = false
  socket.on('data', (bytes: Buffer) => {
    const now = performance.now()
    if (now < begin || answered) return
    counted += bytes.length
    if (now < begin + seconds * 1000) return
    answered = true
    socket.write(`${JSON.stringify({ bytes: counted, seconds: (now - begin) / 1000 })}\n`)
  })
}

function pour(socket: Socket): void {
  const block = Buffer.alloc(blockBytes, 'x')
  const send = () => {
    let more = true
    while (more && !socket.destroyed) more = socket.write(block)
  }
  socket.on('drain', send)
  send()
}

const datagrams = createSocket('udp4')
datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address))
datagrams.bind(port, () => createServer(serve).listen(port, '0.0.0.0', () => process.stdout.write('ready\n')))
