import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CloudClient, createCloudClient } from './client.ts'

/** The daemon as the cli starts it: rooms do not import each other's processes. */
const program = join(import.meta.dirname, '../../../localcloud/src/main.ts')
const runner = createCommandRunner()
const random = createSystemRandom()

let directory: string
let flags: readonly string[]
let local: CloudClient
let remote: CloudClient
let endpoint: string
let caBundle: string

const daemon = (command: string) => runOrThrow(runner, process.execPath, [program, command, ...flags])

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloud-client-'))
  // The tests of the cloud itself take the lower half of this range.
  const range = `198.19.${128 + random.integer(128)}.0/24`
  flags = [`--instance=tlc${random.text(6)}`, `--state=${directory}`, `--run=${directory}`, `--public-range=${range}`]
  await daemon('start')
  local = createCloudClient({ socketPath: join(directory, 'localcloud.sock') })
  endpoint = (await local.version()).endpoint
  const [token = '', ca = ''] = await Promise.all(
    ['token', 'ca.crt'].map((name) => readFile(join(directory, 'localcloud/credentials', name), 'utf8')),
  )
  caBundle = ca
  remote = createCloudClient({ endpoint, token, caBundle })
  const images = { images: [{ name: 'empty', layers: [directory] }] }
  await writeFile(join(directory, 'localcloud/images.json'), JSON.stringify(images))
})

afterAll(async () => {
  local[Symbol.dispose]()
  remote[Symbol.dispose]()
  await daemon('teardown')
  await rm(directory, { recursive: true, force: true })
})

describe('the client against the real cloud', () => {
  it('finds the same over the socket and over HTTPS', async () => {
    const network = await local.createNetwork({ name: 'alpha', cidr: '10.0.0.0/16', tags: { a: 'b=c' } })
    for (const client of [local, remote]) {
      expect(await client.createNetwork({ name: 'alpha', cidr: '10.0.0.0/16' })).toEqual(network)
      expect(await client.listNetworks({ tags: { a: 'b=c' }, name: 'alpha' })).toEqual([network])
      expect(await client.listNetworks({ tags: { a: 'other' } })).toEqual([])
      expect(await client.getNetwork(network.id)).toEqual(network)
      expect(await client.listRoutes(network.id)).toEqual([])
      expect((await client.flavors()).map(({ name }) => name)).toEqual(['small', 'medium', 'large'])
      expect(await client.images()).toEqual([{ name: 'empty', layers: [directory] }])
      expect((await client.quota()).servers).toEqual({ limit: 10, used: 0 })
      expect(await client.version()).toMatchObject({ endpoint })
    }
  })

  it('sets, reads and deletes a load balancer', async () => {
    const listeners = [{ name: 'api', protocol: 'TCP' as const, port: 443, targetPort: 30443 }]
    const balancer = await remote.setLoadBalancer('door', {
      network: 'alpha',
      listeners,
      targets: [],
      tags: { x: 'y' },
    })
    expect(balancer).toMatchObject({ name: 'door', listeners, targets: [], tags: { x: 'y' } })
    expect(await remote.getLoadBalancer('door')).toEqual(balancer)
    expect(await remote.listLoadBalancers({ network: 'alpha' })).toEqual([balancer])
    await expect(remote.deleteNetwork(balancer.network)).rejects.toMatchObject({ kind: 'Conflict' })
    expect(await remote.deleteLoadBalancer('door')).toBe('gone')
    expect(await remote.deleteLoadBalancer('door')).toBe('gone')
  })

  it('makes a server, is told why it cannot run, and deletes it', async () => {
    const request = { name: 'one', network: 'alpha', image: 'empty', flavor: 'small', userData: '' }
    const server = await remote.createServer({ ...request, tags: { pool: 'a' } })
    expect(server).toMatchObject({ name: 'one', state: 'creating', tags: { pool: 'a' } })
    expect((await remote.createServer(request)).id).toBe(server.id)
    expect((await remote.listServers({ tags: { pool: 'a' }, network: 'alpha' })).map(({ id }) => id)).toEqual([
      server.id,
    ])
    expect(await remote.console(server.id)).toBeTypeOf('string')
    const route = await remote.createRoute(server.network, { destination: '10.1.0.0/24', nextHopServer: server.id })
    expect(await remote.listRoutes(server.network)).toEqual([route])
    expect(await remote.deleteRoute(server.network, route.id)).toBe('gone')
    expect(await remote.deleteServer(server.id)).toBe('deleting')
    await expect.poll(() => remote.deleteServer(server.id), { timeout: 60_000 }).toBe('gone')
    await expect(remote.getServer(server.id)).rejects.toMatchObject({ kind: 'NotFound' })
    expect(await remote.deleteNetwork(server.network)).toBe('gone')
  })

  it('carries the cloud’s own words in failures', async () => {
    const request = { name: 'one', network: 'none', image: 'empty', flavor: 'small', userData: '' }
    await expect(remote.createServer(request)).rejects.toMatchObject({
      kind: 'Invalid',
      field: 'network',
      remedy: expect.stringContaining('create the network first'),
    })
  })

  it('is refused without the token, and refuses a cloud that it cannot trust', async () => {
    using stranger = createCloudClient({ endpoint, token: 'wrong', caBundle })
    await expect(stranger.version()).rejects.toMatchObject({ kind: 'Unauthorized' })
    using careful = createCloudClient({ endpoint, token: 'any', caBundle: '' })
    await expect(careful.version()).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})
