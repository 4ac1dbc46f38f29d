import { createHmac } from 'node:crypto'
import { request as ask, type IncomingMessage, type RequestListener } from 'node:http'

/** A server as Nova knows it. */
export interface Instance {
  readonly id: string
  readonly project: string
}

/** What asking Nova for its servers needs. */
export interface MetadataAgentOptions {
  /** Nova's metadata service. */
  readonly url: string
  /** Nova believes who signs with it. */
  readonly sharedSecret: string
  /** Knows servers by the id under which they ask; undefined is 404. */
  readonly find: (serverId: string) => Promise<Instance | undefined>
}

/**
 * Asks Nova's metadata service in the name of servers, as Neutron's metadata agent does: Nova is told which server of which project asks, and the id is signed
 * with a secret that no server knows. Who asks is taken from whoever forwards the question, in `X-Instance-Id`.
 */
export function createMetadataAgent(options: MetadataAgentOptions): RequestListener {
  return (request, response) => {
    const pass = async () => {
      const instance = await options.find(String(request.headers['x-instance-id'] ?? ''))
      if (instance === undefined) return void response.writeHead(404).end()
      const answer = await askNova(options, instance, request)
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    }
    request.resume()
    pass().catch(() => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  }
}

/** The headers by which Nova knows who asks, and that it may be believed. */
export function identifyingHeaders({ id, project }: Instance, sharedSecret: string): Readonly<Record<string, string>> {
  return {
    'x-instance-id': id,
    'x-tenant-id': project,
    'x-instance-id-signature': createHmac('sha256', sharedSecret).update(id).digest('hex'),
  }
}

function askNova(
  { url, sharedSecret }: MetadataAgentOptions,
  instance: Instance,
  { method, url: path, headers }: IncomingMessage,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url)
  const from = { 'x-forwarded-for': String(headers['x-forwarded-for'] ?? '') }
  const told = { accept: headers.accept ?? '*/*', ...from, ...identifyingHeaders(instance, sharedSecret) }
  return new Promise((resolve, reject) => {
    const outgoing = ask({ hostname, port, method, path, headers: told }, resolve)
    outgoing.on('error', reject)
    outgoing.end()
  })
}
