import type { Socket } from 'node:net'
import { joinSockets } from './join-sockets.ts'

/** Bytes carried so far, by direction. */
export interface CarriedBytes {
  readonly toShoot: number
  readonly fromShoot: number
}

/** The streams that are open. */
export interface Streams {
  count(): number
  /** Of all streams there ever were. */
  bytes(): CarriedBytes
  /** Tells the caller that its stream is open, and carries it until both sides have ended. `head` is what the caller has said already. */
  join(client: Socket, target: Socket, head: Buffer): void
}

interface Stream {
  readonly client: Socket
  readonly target: Socket
}

/** No stream yet. Those on which nothing came or went for `idleMilliseconds` are broken; none when undefined. */
export function createStreams(idleMilliseconds: number | undefined): Streams {
  const streams = new Set<Stream>()
  const ended = { toShoot: 0, fromShoot: 0 }
  return {
    count: () => streams.size,
    bytes: () => addUp(ended, streams),
    join: (client, target, head) => {
      const stream = { client, target }
      streams.add(stream)
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      if (head.length > 0) target.write(head)
      if (idleMilliseconds !== undefined) breakWhenIdle(stream, idleMilliseconds)
      joinSockets(client, target, () => {
        streams.delete(stream)
        ended.toShoot += target.bytesWritten
        ended.fromShoot += target.bytesRead
      })
    },
  }
}

function breakWhenIdle({ client, target }: Stream, milliseconds: number): void {
  // What moves on one side moves on the other, but for what lies in buffers.
  client.setTimeout(milliseconds, () => {
    client.destroy()
    target.destroy()
  })
}

function addUp(ended: CarriedBytes, streams: ReadonlySet<Stream>): CarriedBytes {
  const sum = { ...ended }
  for (const { target } of streams) {
    sum.toShoot += target.bytesWritten
    sum.fromShoot += target.bytesRead
  }
  return sum
}
