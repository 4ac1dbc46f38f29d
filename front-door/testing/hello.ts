import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect } from 'node:tls'

/** The first bytes that this runtime's TLS client sends when it asks for a server of this name, or for none. */
export async function recordHello(serverName: string | undefined): Promise<Buffer> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const { port } = server.address() as { readonly port: number }
  const client = connect({ host: '127.0.0.1', port, ...(serverName === undefined ? {} : { servername: serverName }) })
  client.on('error', () => {})
  const [socket] = await accepted
  const [bytes] = await once(socket, 'data')
  client.destroy()
  socket.destroy()
  server.close()
  return bytes as Buffer
}
