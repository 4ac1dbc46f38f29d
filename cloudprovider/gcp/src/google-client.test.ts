import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe, expect, it } from 'vitest'
import { classFor } from '../testing/classes.ts'
import { createIdentity } from '../testing/identity.ts'
import { connectToGoogle } from './connection.ts'
import { parseCredentials } from './credentials.ts'
import { trimDescriptors } from './generate/descriptors.ts'
import committed from './generated/compute-descriptors.json' with { type: 'json' }
import { instanceBody } from './instance-body.ts'
import { parseProviderSpec } from './provider-spec.ts'

/** A client of `@google-cloud/compute` as far as this test calls it. Its own types are thirty megabytes: nobody is to wait for them. */
type OfficialClient = new (
  options: object,
) => Readonly<Record<string, (request: object, options: object) => Promise<unknown>>>

const require = createRequire(import.meta.url)
const official = (file: string, name: string) =>
  (require(`@google-cloud/compute/build/src/v1/${file}_client.js`) as Readonly<Record<string, OfficialClient>>)[name]

const clock = createSystemClock()
const zone = 'europe-west1-b'
const server = { zone, instance: 'machine-a' }
const body = instanceBody('trellis-test', 'machine-a', parseProviderSpec(classFor('one')), '#cloud-config\n')

const calls = [
  ['Instances', 'instances', 'Insert', { zone, requestId: 'r', instanceResource: body }],
  ['Instances', 'instances', 'Get', server],
  [
    'Instances',
    'instances',
    'List',
    { zone, filter: '(labels.a:*) AND (labels.b = "c")', maxResults: 500, pageToken: 'p' },
  ],
  ['Instances', 'instances', 'Delete', { ...server, requestId: 'r' }],
  ['Instances', 'instances', 'SetTags', { ...server, tagsResource: { items: ['a'], fingerprint: 'f' } }],
  ['Disks', 'disks', 'Delete', { zone, disk: 'd' }],
  ['ZoneOperations', 'zone_operations', 'Wait', { zone, operation: 'o' }],
  [
    'Routers',
    'routers',
    'Patch',
    { region: 'r', router: 'x', routerResource: { nats: [{ name: 'n', minPortsPerVm: 64 }] } },
  ],
  [
    'Firewalls',
    'firewalls',
    'Insert',
    { firewallResource: { name: 'f', allowed: [{ IPProtocol: 'tcp', ports: ['80'] }] } },
  ],
] as const

describe("Google's client, as it is put together here", () => {
  it('has exactly the message definitions of the package', async () => {
    expect(JSON.parse(JSON.stringify(await trimDescriptors()))).toEqual(committed)
  })

  it.each(calls)('sends %s %s %s as the whole package does', async (service, file, method, request) => {
    const seen: string[] = []
    const listener = createServer(async (incoming, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      seen.push(`${incoming.method} ${incoming.url?.replace(/\?$/, '')} ${Buffer.concat(chunks)}`)
      response.end('{"kind":"compute#operation"}')
    })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = listener.address() as AddressInfo
      const budget = createCallBudget({ clock }, { perSecond: 100, burst: 100, leastPerSecond: 1 })
      const credentials = parseCredentials(createIdentity('trellis-test').secret)
      const ours = connectToGoogle({ clock, budget, metrics: noCallMetrics }, credentials, { host: '127.0.0.1', port })
      await ours.compute(service, method as never, { project: 'p', ...request })
      const auth = {
        fetch: (url: string, options: RequestInit) => fetch(url, options),
        getRequestHeaders: async () => new Headers(),
      }
      const Client = official(file, `${service}Client`)
      if (Client === undefined) throw new TypeError(`${service} has no client`)
      const theirs = new Client({ fallback: true, protocol: 'http', apiEndpoint: '127.0.0.1', port, auth })
      const name = `${method.charAt(0).toLowerCase()}${method.slice(1)}`
      await theirs[name]?.({ project: 'p', ...request }, { autoPaginate: false, retry: null })
      expect(seen).toHaveLength(2)
      expect(seen[0]).toBe(seen[1])
    } finally {
      listener.closeAllConnections()
      listener.close()
    }
  })
})
