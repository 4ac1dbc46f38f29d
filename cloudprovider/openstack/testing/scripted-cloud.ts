import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'

/** A request as the scripted cloud got it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

/** What it answers; `hang` never does, `cut` closes the connection. */
export type ScriptedAnswer =
  | {
      readonly status: number
      readonly body?: unknown
      readonly text?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | 'hang'
  | 'cut'

/** An HTTP server that answers as a test says, with a Keystone that gives tokens one after the other. */
export interface ScriptedCloud extends AsyncDisposable {
  /** Address of Keystone with its version. */
  readonly authUrl: string
  readonly seen: SeenRequest[]
  /** Answers to what is not Keystone's; the default is an empty list of servers. */
  answer: (request: SeenRequest) => ScriptedAnswer
  /** What Keystone answers instead of a token, when it is there. */
  loginRefusal: ScriptedAnswer | undefined
  /** Further services in the catalogue, by type, with their paths. */
  services: Readonly<Record<string, string>>
  /** Milliseconds that tokens are good for. */
  lifetimeMilliseconds: number
}

/** Starts it on the loopback address; over TLS when keys are given. */
export async function startScriptedCloud(now: () => number, tls?: ServerOptions): Promise<ScriptedCloud> {
  let tokens = 0
  const listener = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const request = await read(incoming)
    cloud.seen.push(request)
    const answer = request.path === '/v3/auth/tokens' ? (cloud.loginRefusal ?? login()) : cloud.answer(request)
    if (answer === 'hang') return
    if (answer === 'cut') return void incoming.socket.destroy()
    outgoing.writeHead(answer.status, answer.headers)
    outgoing.end(answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body)))
  }
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const endpoint = (type: string, path: string) => ({
    type,
    endpoints: [{ interface: 'public', region: 'RegionOne', url: `${origin}${path}` }],
  })
  const login = (): ScriptedAnswer => ({
    status: 201,
    headers: { 'x-subject-token': `token-${++tokens}` },
    body: {
      token: {
        expires_at: new Date(now() + cloud.lifetimeMilliseconds).toISOString(),
        catalog: [
          endpoint('compute', '/nova/v2.1'),
          endpoint('network', '/neutron/v2.0/'),
          endpoint('image', '/glance'),
          ...Object.entries(cloud.services).map(([type, path]) => endpoint(type, path)),
        ],
      },
    },
  })
  const cloud: ScriptedCloud = {
    authUrl: `${origin}/v3`,
    seen: [],
    answer: () => ({ status: 200, body: { servers: [] } }),
    loginRefusal: undefined,
    services: {},
    lifetimeMilliseconds: 3_600_000,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return cloud
}

async function read(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}
