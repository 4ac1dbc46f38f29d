import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { Failure } from '@trellis/foundation/failure'
import type { Identities } from './identities.ts'

/** What the endpoint answered, and the stream behind it, paused. */
export interface Answer {
  readonly statusLine: string
  /** All that came with the answer, headers and what follows them. */
  readonly text: string
  readonly socket: TLSSocket
}

/** How a caller differs from an API server. */
export interface CallerOptions {
  /** PEM; no certificate at all when null. */
  readonly certificate?: { readonly certificate: string; readonly privateKey: string } | null
  readonly versions?: { readonly minVersion: SecureVersion; readonly maxVersion: SecureVersion }
  /** The name by which the endpoint must prove itself; its address unless told. */
  readonly serverName?: string
  /** The request; `CONNECT target` unless told. */
  readonly request?: string
}

/** Asks the endpoint on this port for a stream, as an API server does. Rejects when the connection ends before there is an answer. */
export async function call(
  port: number,
  { authority, caller }: Pick<Identities, 'authority' | 'caller'>,
  target: string,
  options: CallerOptions = {},
): Promise<Answer> {
  const { certificate = caller, versions = {}, serverName } = options
  const identity = certificate === null ? {} : { cert: certificate.certificate, key: certificate.privateKey }
  // Its types lack what it hands on to the connection below: each way ends by itself.
  const tcp = { host: '127.0.0.1', port, allowHalfOpen: true, ...(serverName && { servername: serverName }) }
  const socket = connect({ ...tcp, ca: authority, ...identity, ...versions })
  const answered = readHead(socket)
  socket.once('secureConnect', () => socket.write(options.request ?? requestFor(target)))
  const text = await answered
  return { statusLine: text.split('\r\n')[0] ?? '', text, socket }
}

/** Waits until the other side has ended its way or broken the connection. What comes until then is dropped. */
export async function ended(socket: TLSSocket): Promise<void> {
  socket.on('error', () => {})
  socket.resume()
  if (!socket.readableEnded && !socket.destroyed) await Promise.race([once(socket, 'end'), once(socket, 'close')])
}

/** All that comes until the other side has ended its way. The socket itself stays open, unlike with the consumers of Node. */
export function heard(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
    })
    socket.once('end', () => resolve(text))
    socket.once('error', reject)
    socket.resume()
  })
}

function requestFor(target: string): string {
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`
}

function readHead(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onEnd = () => reject(new Failure('Unavailable', `there was no answer: ${text}`))
    const onData = (bytes: Buffer) => {
      text += bytes.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      socket.off('data', onData)
      socket.off('end', onEnd)
      socket.pause()
      resolve(text)
    }
    socket.on('error', reject)
    socket.once('end', onEnd)
    socket.on('data', onData)
  })
}
