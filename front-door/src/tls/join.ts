import type { Socket } from 'node:net'

/**
 * Joins two sockets. The end of one direction ends that half only, so both may go on in the other; whoever reads slowly holds the other back; a connection that breaks breaks the other.
 */
export function join(client: Socket, server: Socket): void {
  client.pipe(server)
  server.pipe(client)
  follow(client, server)
  follow(server, client)
}

function follow(one: Socket, other: Socket): void {
  if (one.destroyed) other.destroy()
  one.once('close', (hadError) => (hadError ? other.resetAndDestroy() : other.destroySoon()))
}
