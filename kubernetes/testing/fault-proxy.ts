import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request as secureRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

/** How the next line of a watch arrives. `cut and reset` and `cut and end` stop in its middle, `garbled` replaces it. */
export type Damage = 'cut and reset' | 'cut and end' | 'garbled'

/** A door to an API server that misbehaves on request. Clients speak plain HTTP to it, so that it can cut an answer at any byte. */
export interface FaultProxy extends AsyncDisposable {
  readonly url: string
  /** Resets every connection now. */
  reset(): void
  /** While refusing, every new connection is reset. */
  refuse(refusing: boolean): void
  /** While stalling, connections stay open but no answer gets through. */
  stall(stalling: boolean): void
  /** Damages the next line of some watch; resolves once that has been done. */
  damageNextLine(damage: Damage): Promise<void>
  /** Paths asked for so far, with their queries. */
  readonly paths: readonly string[]
}

/** Where the proxy leads. */
export interface FaultProxyTarget {
  readonly url: string
  readonly certificateAuthority: string
}

interface State {
  refusing: boolean
  stalled: PromiseWithResolvers<void> | undefined
  damage: { readonly how: Damage; readonly done: () => void } | undefined
}

/** Starts a proxy on a free port of the loopback address. */
export async function startFaultProxy(target: FaultProxyTarget): Promise<FaultProxy> {
  const state: State = { refusing: false, stalled: undefined, damage: undefined }
  const agent = new Agent({ ca: target.certificateAuthority })
  const sockets = new Set<Socket>()
  const paths: string[] = []
  const server = createServer((incoming, outgoing) => {
    paths.push(incoming.url ?? '')
    forward(target, agent, state, incoming, outgoing)
  })
  server.on('connection', (socket) => {
    if (state.refusing) {
      socket.resetAndDestroy()
      return
    }
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const reset = () => {
    for (const socket of [...sockets]) socket.resetAndDestroy()
  }
  const stall = (stalling: boolean) => {
    state.stalled?.resolve()
    state.stalled = stalling ? Promise.withResolvers<void>() : undefined
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    reset,
    refuse: (refusing) => {
      state.refusing = refusing
    },
    stall,
    damageNextLine: (how) =>
      new Promise((resolve) => {
        state.damage = { how, done: resolve }
      }),
    [Symbol.asyncDispose]: async () => {
      stall(false)
      reset()
      agent.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function forward(
  target: FaultProxyTarget,
  agent: Agent,
  state: State,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  const onward = secureRequest(`${target.url}${incoming.url}`, {
    agent,
    method: incoming.method,
    headers: { ...incoming.headers, host: new URL(target.url).host },
  })
  const watches = incoming.url?.includes('watch=true') ?? false
  onward.once('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.flushHeaders()
    pass(answer, outgoing, state, watches).catch(() => outgoing.socket?.resetAndDestroy())
  })
  onward.once('error', () => outgoing.socket?.resetAndDestroy())
  outgoing.once('close', () => onward.destroy())
  incoming.pipe(onward)
}

async function pass(answer: IncomingMessage, outgoing: ServerResponse, state: State, watches: boolean): Promise<void> {
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    await state.stalled?.promise
    const { damage } = state
    if (watches && damage !== undefined) {
      state.damage = undefined
      await inflict(damage.how, chunk, outgoing)
      damage.done()
      if (damage.how !== 'garbled') return
    } else outgoing.write(chunk)
  }
  outgoing.end()
}

async function inflict(how: Damage, chunk: Buffer, outgoing: ServerResponse): Promise<void> {
  if (how === 'garbled') {
    outgoing.write('{"type":"ADDED","object":{"kind":"Conf\n')
    return
  }
  const half = chunk.subarray(0, Math.ceil(chunk.length / 2))
  await new Promise<void>((resolve) => outgoing.write(half, () => resolve()))
  if (how === 'cut and end') outgoing.end()
  else outgoing.socket?.resetAndDestroy()
}
