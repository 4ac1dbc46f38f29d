import type { IncomingMessage, RequestListener } from 'node:http'
import type { Clock } from '@trellis/foundation/clock'
import type { Random } from '@trellis/foundation/random'

/** What EC2's metadata service tells a server about itself. */
export interface Ec2Facts {
  readonly instanceId: string
  readonly localHostname: string
  readonly localAddress: string
  readonly availabilityZone: string
  readonly region: string
  readonly instanceType: string
  readonly imageId: string
  readonly mac: string
  /** Undefined when the server has none. */
  readonly userData: string | undefined
}

/** What answering needs. `tell` knows servers by the id under which they ask; undefined is 404. */
export interface Ec2MetadataOptions {
  readonly clock: Clock
  readonly random: Random
  readonly tell: (serverId: string) => Ec2Facts | undefined | Promise<Ec2Facts | undefined>
}

type Tree = { readonly [name: string]: Tree | string }

/** Versions under which everything is told; cloud-init takes the newest that it knows. */
const versions = ['latest', '2009-04-04', '2016-09-02', '2018-09-24', '2021-03-23']
const tokenHeader = 'x-aws-ec2-metadata-token'
const tokenPath = '/latest/api/token'
const longestTokenSeconds = 21_600

/**
 * Instance metadata as EC2 serves it, behind whoever says in `X-Instance-Id` which server asks. Tokens are given and honoured (IMDSv2); a wrong one is 401.
 * Questions without one are answered too: cloud-init asks for a token only where firmware says that this is EC2, and containers have none.
 * Source: Instance metadata and user data, Amazon EC2 User Guide.
 */
export function createEc2Metadata({ clock, random, tell }: Ec2MetadataOptions): RequestListener {
  const tokens = new Map<string, { readonly server: string; readonly until: number }>()
  const giveToken = (server: string, request: IncomingMessage): [number, string] => {
    const seconds = Number(request.headers[`${tokenHeader}-ttl-seconds`])
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > longestTokenSeconds) return [400, '']
    const token = random.text(40)
    tokens.set(token, { server, until: clock.now() + seconds * 1000 })
    return [200, token]
  }
  const answer = async (request: IncomingMessage): Promise<[number, string]> => {
    const server = String(request.headers['x-instance-id'] ?? '')
    const facts = await tell(server)
    if (facts === undefined) return [404, '']
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'PUT') return pathname === tokenPath ? giveToken(server, request) : [405, '']
    const token = request.headers[tokenHeader]
    const known = tokens.get(String(token))
    if (token !== undefined && (known?.server !== server || known.until < clock.now())) return [401, '']
    const found = look(treeOf(facts), pathname)
    return found === undefined ? [404, ''] : [200, found]
  }
  return (request, response) => {
    request.resume()
    answer(request).then(
      ([status, text]) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text),
      () => response.writeHead(500).end(),
    )
  }
}

/** A value, or the names below a path, those that have names below them with a slash at the end. */
function look(tree: Tree, path: string): string | undefined {
  const names = path.split('/').filter((name) => name !== '')
  const found = names.reduce<Tree | string | undefined>(
    (at, name) => (typeof at === 'object' ? at[name] : undefined),
    tree,
  )
  if (typeof found !== 'object') return found
  return Object.entries(found)
    .map(([name, below]) => (typeof below === 'string' ? name : `${name}/`))
    .join('\n')
}

function treeOf(facts: Ec2Facts): Tree {
  const { instanceId, localHostname, localAddress, availabilityZone, region, instanceType, imageId, mac } = facts
  const document = { instanceId, region, availabilityZone, instanceType, imageId, privateIp: localAddress }
  const metadata = {
    'ami-id': imageId,
    'instance-id': instanceId,
    'instance-type': instanceType,
    hostname: localHostname,
    'local-hostname': localHostname,
    'local-ipv4': localAddress,
    mac,
    network: {
      interfaces: {
        macs: { [mac]: { 'device-number': '0', 'local-hostname': localHostname, 'local-ipv4s': localAddress, mac } },
      },
    },
    placement: { 'availability-zone': availabilityZone, region },
  }
  const version: Tree = {
    'meta-data': metadata,
    dynamic: { 'instance-identity': { document: JSON.stringify(document) } },
    ...(facts.userData === undefined ? {} : { 'user-data': facts.userData }),
  }
  return Object.fromEntries(versions.map((name) => [name, version]))
}
