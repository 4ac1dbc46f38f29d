import type { Socket } from 'node:net'
import type { Clock } from '@trellis/foundation/clock'
import { type ClientHello, readClientHello } from './client-hello.ts'

/** What a client said first, with all of its bytes so far, which the server is to get. */
export interface FirstBytes {
  readonly hello: ClientHello | { readonly kind: 'late' }
  readonly bytes: Buffer
}

/** Reads until the hello is complete, or clearly none; `late` when that takes longer or the client goes. Leaves the socket paused. */
export function readFirstBytes(socket: Socket, clock: Clock, milliseconds: number): Promise<FirstBytes> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    const finish = (hello: FirstBytes['hello']) => {
      timer.cancel()
      socket.pause()
      for (const event of ['end', 'close']) socket.off(event, onGone)
      socket.off('data', onData)
      resolve({ hello, bytes })
    }
    const onGone = () => finish({ kind: 'late' })
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const hello = readClientHello(bytes)
      if (hello.kind !== 'more') finish(hello)
    }
    const timer = clock.setTimer(milliseconds, onGone)
    socket.on('data', onData)
    for (const event of ['end', 'close']) socket.on(event, onGone)
  })
}
