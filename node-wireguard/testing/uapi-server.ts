import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A Unix socket that answers requests with what a test says. */
export interface UapiServer extends AsyncDisposable {
  readonly socketPath: string
  readonly requests: readonly string[]
  /** Ends every connection and stops listening, as the death of a process does. The socket file stays when `stale`. */
  die(): Promise<void>
  /** Listens again. */
  live(): Promise<void>
}

/** Opens such a socket. `answer` returns undefined to say nothing and hang up, or never to keep silent. */
export async function openUapiServer(
  answer: (request: string) => string | undefined | 'silence',
  listening = true,
): Promise<UapiServer> {
  const directory = await mkdtemp(join(tmpdir(), 'wireguard-uapi-'))
  const socketPath = join(directory, 'test.sock')
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n\n')) return
      requests.push(text)
      const reply = answer(text)
      text = ''
      if (reply === undefined) socket.destroy()
      else if (reply !== 'silence') socket.write(reply)
    })
  })
  const live = () => new Promise<void>((resolve) => server.listen(socketPath, resolve))
  const die = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  if (listening) await live()
  return {
    socketPath,
    requests,
    die,
    live,
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await die()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
