import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { NetworkRecord, ServerRecord } from './records.ts'
import type { Store } from './store.ts'

/** Path below which cloud-init finds its NoCloud seed. */
export const seedPath = '/nocloud/'

/** What one server is told about itself, by path. */
export function metadataOf(server: ServerRecord, network: NetworkRecord): Readonly<Record<string, string>> {
  const { id, name, image, flavor, tags, privateAddress, publicAddress } = server
  return {
    [`${seedPath}meta-data`]: `${JSON.stringify({ 'instance-id': id, 'local-hostname': name })}\n`,
    [`${seedPath}user-data`]: server.userData,
    [`${seedPath}vendor-data`]: '',
    // The address is configured before the first start, so cloud-init is told to leave the network alone.
    [`${seedPath}network-config`]: `${JSON.stringify({ config: 'disabled' })}\n`,
    '/v1/instance': `${JSON.stringify({ id, name, image, flavor, tags, privateAddress, publicAddress, network: { id: network.id, name: network.name, cidr: network.cidr } })}\n`,
  }
}

/** What telling servers about themselves needs. */
export interface MetadataListenerOptions {
  readonly store: Store
  /** Asks whoever tells a server in this cloud's stead; see `metadata-forwarder`. */
  readonly forward: (url: string, server: ServerRecord, exchange: MetadataExchange) => void
}

/** One question and its answer. */
export interface MetadataExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Tells servers about themselves. Who asks is known by the address that only that server's own packets bear; all others are refused. */
export function createMetadataListener({ store, forward }: MetadataListenerOptions): RequestListener {
  return (request, response) => {
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const server = store.list('server').find((candidate) => candidate.publicAddress === address)
    const network = server === undefined ? undefined : store.find('network', server.network)
    if (server === undefined || network === undefined) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('only servers are told about themselves\n')
      return
    }
    if (server.metadataService !== undefined) {
      forward(server.metadataService.url, server, { request, response })
      return
    }
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const content = request.method === 'GET' ? metadataOf(server, network)[path] : undefined
    if (content === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
    else response.writeHead(200, { 'content-type': contentTypeOf(path) }).end(content)
  }
}

function contentTypeOf(path: string): string {
  return path.startsWith('/v1/') ? 'application/json' : 'text/plain; charset=utf-8'
}
