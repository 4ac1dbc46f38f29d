import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type AwsEndpoints, awsServices } from '../src/caller.ts'
import { createClientTokens } from './client-tokens.ts'
import { createPrefixes } from './ipv6-prefixes.ts'
import { createMendings } from './mendings.ts'

/** What is to go wrong with one call. */
export type Ec2Fault =
  /** The call is refused, before anything is done. */
  | { readonly refuse: string; readonly status?: number }
  /** The call is carried out and the connection breaks before its answer. */
  | 'lose the answer'
  /** The call is carried out and is never answered. */
  | 'hang'
  /** The call is carried out and what is answered has no sense. */
  | { readonly answer: string }

/** A door to moto behind which EC2 behaves as documented where moto does not, and misbehaves on request. */
export interface Ec2Front extends AsyncDisposable {
  readonly url: string
  /** The door, as the address of every service. */
  readonly endpoints: Required<AwsEndpoints>
  /** Names of the calls so far, in order. */
  readonly calls: string[]
  /** Parameters of the calls so far. */
  readonly requests: URLSearchParams[]
  /** Lets the next call of that name (any, when undefined) go wrong, after others that were told so before. */
  fail(action: string | undefined, fault: Ec2Fault): void
  /** Servers that are made from now on stay out of answers to the next `calls` questions about servers. */
  hideServers(calls: number): void
  /** Lets calls through that hang. */
  release(): void
}

/** One request of the query API under way. */
export interface QueryCall {
  readonly parameters: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
}

/** An answer of the query API. */
export interface QueryAnswer {
  readonly status: number
  readonly body: string
}

/** Sends a call on to moto. */
export type Forward = (call: QueryCall) => Promise<QueryAnswer>

/** Refuses a call as EC2 does. */
export function refusal(code: string, status = 400): QueryAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code><Message>a test made it so</Message></Error></Errors><RequestID>request-1</RequestID></Response>`
  return { status, body }
}

/** Starts the door on a free port of an address; the loopback address unless told. */
export async function startEc2Front(motoUrl: string, address = '127.0.0.1'): Promise<Ec2Front> {
  const faults: { readonly action: string | undefined; readonly fault: Ec2Fault }[] = []
  const calls: string[] = []
  const requests: URLSearchParams[] = []
  const held = new Set<PromiseWithResolvers<void>>()
  const hiding = createHiding()
  const behave = behaviour(motoUrl, hiding)
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const call = await read(incoming)
    const action = call.parameters.get('Action') ?? ''
    calls.push(action)
    requests.push(call.parameters)
    const index = faults.findIndex((one) => one.action === undefined || one.action === action)
    const fault = index < 0 ? undefined : faults.splice(index, 1)[0]?.fault
    if (typeof fault === 'object' && 'refuse' in fault) return send(outgoing, refusal(fault.refuse, fault.status))
    const answer = await behave(call)
    if (fault === 'lose the answer') return void outgoing.socket?.destroy()
    if (fault === 'hang') {
      const gate = Promise.withResolvers<void>()
      held.add(gate)
      await gate.promise
    }
    send(outgoing, typeof fault === 'object' ? { status: 200, body: fault.answer } : answer)
  }
  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.socket?.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const release = () => {
    for (const gate of held) gate.resolve()
    held.clear()
  }
  const url = `http://${address}:${(server.address() as AddressInfo).port}`
  return {
    url,
    endpoints: Object.fromEntries(awsServices.map((service) => [service, url])) as Required<AwsEndpoints>,
    calls,
    requests,
    fail: (action, fault) => void faults.push({ action, fault }),
    hideServers: hiding.begin,
    release,
    [Symbol.asyncDispose]: async () => {
      release()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function behaviour(motoUrl: string, hiding: ReturnType<typeof createHiding>): Forward {
  const forward: Forward = async ({ parameters, headers }) => {
    const response = await fetch(motoUrl, { method: 'POST', headers, body: parameters })
    return { status: response.status, body: await response.text() }
  }
  const prefixes = createPrefixes(createMendings(forward))
  const tokens = createClientTokens(prefixes)
  return async (call) => {
    const action = call.parameters.get('Action')
    const answer = await tokens(call)
    if (action === 'RunInstances' && answer.status === 200) return { ...answer, body: hiding.note(answer.body) }
    return action === 'DescribeInstances' ? { ...answer, body: hiding.hide(answer.body) } : answer
  }
}

/** Keeps new servers out of answers for a while, as EC2 does. */
function createHiding() {
  let left = 0
  let hidden = new Set<string>()
  return {
    begin: (calls: number) => {
      left = calls
      hidden = new Set()
    },
    note: (body: string) => {
      if (left > 0) for (const [, id = ''] of body.matchAll(/<instanceId>([^<]+)</g)) hidden.add(id)
      return body
    },
    hide: (body: string) => {
      if (left === 0 || hidden.size === 0) return body
      left--
      const shows = [...hidden].some((id) => body.includes(`<instanceId>${id}</instanceId>`))
      return shows ? body.replace(/<reservationSet>.*<\/reservationSet>/s, '<reservationSet/>') : body
    },
  }
}

async function read(incoming: IncomingMessage): Promise<QueryCall> {
  let body = ''
  for await (const chunk of incoming) body += String(chunk)
  const { authorization = '', 'x-amz-security-token': token } = incoming.headers
  const headers = { authorization, ...(typeof token === 'string' ? { 'x-amz-security-token': token } : {}) }
  return { parameters: new URLSearchParams(body), headers }
}

function send(outgoing: ServerResponse, { status, body }: QueryAnswer): void {
  outgoing.writeHead(status, { 'content-type': 'text/xml' })
  outgoing.end(body)
}
