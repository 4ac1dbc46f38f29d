import { readFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { median } from '../../statistics.ts'
import { blockBytes, type ClientRequest, type ClientResult, type ConnectProxy } from './request.ts'

/**
 * A program: connects to a traffic server, directly or through a proxy, and measures one stream or many small questions as its argument, a
 * `ClientRequest`, says. Prints a `ClientResult`; ends with code 1 and the reason on standard error when nothing comes for some seconds.
 */
const request = JSON.parse(process.argv[2] ?? '{}') as ClientRequest
// A question is asked again soon, so that a tunnel that has just come up is not missed.
const silenceMilliseconds = request.mode === 'echo' ? 3000 : 10_000

function finish(result: ClientResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
  process.exit(0)
}

function fail(reason: string): void {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}

function open(proxy: ConnectProxy | undefined, onOpen: (socket: Socket) => void): void {
  if (proxy === undefined) {
    const socket = createConnection(request.port, request.address, () => onOpen(socket))
    watch(socket)
    return
  }
  const { host, port } = proxy
  const [ca, cert, key] = [proxy.caFile, proxy.certificateFile, proxy.keyFile].map((file) => readFileSync(file))
  const socket = connectSecurely({ host, port, ca, cert, key }, () => askProxy(socket, () => onOpen(socket)))
  watch(socket)
}

function watch(socket: Socket): void {
  socket.setNoDelay(true)
  socket.setTimeout(silenceMilliseconds, () => fail('nothing comes through'))
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
  socket.on('close', () => fail('the connection was closed'))
}

function askProxy(socket: Socket, onOpen: () => void): void {
  const target = `${request.address}:${request.port}`
  let answer = ''
  const onAnswer = (bytes: Buffer) => {
    answer += bytes.toString('latin1')
    if (!answer.includes('\r\n\r\n')) return
    socket.off('data', onAnswer)
    if (/^HTTP\/1\.\d 200/.test(answer)) onOpen()
    else fail(`the proxy answers ${answer.split('\r\n')[0]}`)
  }
  socket.on('data', onAnswer)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
}

function measureUpload(socket: Socket): void {
  const block = Buffer.alloc(blockBytes, 'x')
  let answer = ''
  socket.on('data', (bytes: Buffer) => {
    answer += bytes.toString()
    if (!answer.endsWith('\n')) return
    const { bytes: received, seconds } = JSON.parse(answer) as { bytes: number; seconds: number }
    finish({ mbitPerSecond: rate(received, seconds) })
  })
  const send = () => {
    let more = true
    while (more) more = socket.write(block)
  }
  socket.on('drain', send)
  send()
}

function measureDownload(socket: Socket): void {
  const begin = performance.now() + request.warmUpSeconds * 1000
  let counted = 0
  socket.on('data', (bytes: Buffer) => {
    const now = performance.now()
    if (now < begin) return
    counted += bytes.length
    if (now < begin + request.seconds * 1000) return
    finish({ mbitPerSecond: rate(counted, (now - begin) / 1000) })
  })
}

function measureRoundTrips(socket: Socket): void {
  const question = Buffer.alloc(64, 'x')
  const begin = performance.now()
  const times: number[] = []
  let askedAt = begin
  let missing = question.length
  const ask = () => {
    missing = question.length
    askedAt = performance.now()
    socket.write(question)
  }
  socket.on('data', (bytes: Buffer) => {
    missing -= bytes.length
    if (missing > 0) return
    const now = performance.now()
    if (now - begin > request.warmUpSeconds * 1000) times.push(now - askedAt)
    if (times.length > 0 && now - begin > (request.warmUpSeconds + request.seconds) * 1000)
      finish({ roundTripMs: median(times) })
    else ask()
  })
  ask()
}

function rate(bytes: number, seconds: number): number {
  return (bytes * 8) / seconds / 1_000_000
}

open(request.proxy, (socket) => {
  const { mode, seconds, warmUpSeconds } = request
  socket.write(`${JSON.stringify({ mode, seconds, warmUpSeconds })}\n`)
  if (mode === 'sink') measureUpload(socket)
  else if (mode === 'source') measureDownload(socket)
  else measureRoundTrips(socket)
})
