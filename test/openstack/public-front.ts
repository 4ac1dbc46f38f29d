import { Agent, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createCertificateMaker } from '@trellis/certificates/authority'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'
import type { AdministeredService } from './administrator.ts'
import type { PublicUrls } from './catalogue.ts'

/** Where a front listens. */
export interface FrontPlace {
  /** An address of this host. */
  readonly address: string
}

/** The services as users of a cloud reach them: over TLS, at an address that is not the loopback's. */
export interface PublicFront extends AsyncDisposable {
  readonly urls: PublicUrls
  /** PEM of the authority that signed what the services prove themselves with. */
  readonly authority: string
  /** Calls so far, as in `POST nova /v2.1/servers`, in the order in which they came; queries are left out. */
  readonly calls: readonly string[]
}

/** Ends TLS before the services, each on a port of its own, with a certificate that this start alone knows. */
export async function startPublicFront(
  ports: { readonly clock: Clock; readonly random: Random },
  { address }: FrontPlace,
  services: PublicUrls,
): Promise<PublicFront> {
  const maker = createCertificateMaker(ports)
  const authority = await maker.createAuthority('cloud')
  const issued = await maker.issue(authority, { commonName: 'cloud', ipAddresses: [address], usages: ['server'] })
  const calls: string[] = []
  await using stack = new AsyncDisposableStack()
  const agent = new Agent({ keepAlive: true })
  stack.defer(() => agent.destroy())
  const open = async (name: string, service: string) => {
    const { hostname, port } = new URL(service)
    const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (request, response) => {
      calls.push(`${request.method} ${name} ${request.url?.split('?')[0]}`)
      pass({ hostname, port, agent }, request, response)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, address, resolve)
    })
    stack.defer(async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    })
    return [name, `https://${address}:${(server.address() as AddressInfo).port}`] as const
  }
  const names = Object.keys(services) as AdministeredService[]
  const opened = await Promise.all(names.map((name) => open(name, services[name])))
  const owned = stack.move()
  return {
    urls: Object.fromEntries(opened) as PublicUrls,
    authority: authority.certificate,
    calls,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Hands a call to the service and its answer back, unchanged. */
function pass(
  to: { readonly hostname: string; readonly port: string; readonly agent: Agent },
  call: IncomingMessage,
  answer: ServerResponse,
): void {
  const { method, url: path } = call
  const headers = { ...call.headers, 'x-forwarded-proto': 'https' }
  const outgoing = ask({ ...to, method, path, headers }, (incoming) => {
    answer.writeHead(incoming.statusCode ?? 502, incoming.headers)
    incoming.pipe(answer)
    incoming.on('error', () => answer.destroy())
  })
  outgoing.on('error', () => answer.destroy())
  answer.on('close', () => outgoing.destroy())
  call.pipe(outgoing)
}
