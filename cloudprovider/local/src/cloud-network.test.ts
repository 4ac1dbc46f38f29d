import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeCloudNetwork } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNetworkDouble } from '../testing/network-double.ts'
import { createLocalCloudNetwork, serviceTag } from './cloud-network.ts'
import { readCredentialsDirectory } from './credentials-directory.ts'

describeCloudNetwork('the local cloud (in memory)', async () => {
  const double = createNetworkDouble(['one', 'two'])
  return {
    network: createLocalCloudNetwork({ client: double.client, network: 'one', clusterName: 'one' }),
    foreign: createLocalCloudNetwork({ client: double.client, network: 'two', clusterName: 'two' }),
    addNode: async (name) => double.addServer('one', name).name,
    removeNode: async (name) => double.removeServer(name),
    [Symbol.asyncDispose]: async () => {},
  }
})

describe('createLocalCloudNetwork', () => {
  const listener = { name: 'a', protocol: 'TCP', port: 80, nodePort: 30080 } as const

  it('says what it wants in the words of the cloud', async () => {
    const double = createNetworkDouble(['one'])
    const server = double.addServer('one', 'node-a')
    const network = createLocalCloudNetwork({ client: double.client, network: 'one', clusterName: 'c' })
    await network.ensureLoadBalancer({ name: 'lb', service: 'ns/s', listeners: [listener], nodes: ['node-a'] })
    expect(double.balancers.get('lb')).toMatchObject({
      listeners: [{ name: 'a', protocol: 'TCP', port: 80, targetPort: 30080 }],
      targets: [server.id],
      tags: { 'kubernetes.io/cluster/c': '1', [serviceTag]: 'ns/s' },
    })
  })

  it('counts a server that is being deleted as gone', async () => {
    const double = createNetworkDouble(['one'])
    const server = double.addServer('one', 'node-a')
    const network = createLocalCloudNetwork({ client: double.client, network: 'one', clusterName: 'c' })
    await network.ensureRoute({ destination: '100.96.0.0/24', node: 'node-a' })
    double.servers.set(server.id, { ...server, state: 'deleting' })
    expect(await network.listRoutes()).toEqual([{ id: expect.any(String), destination: '100.96.0.0/24' }])
    const request = { name: 'lb', service: 'ns/s', listeners: [listener], nodes: ['node-a'] }
    expect((await network.ensureLoadBalancer(request)).unknownNodes).toEqual(['node-a'])
  })

  it('has no internal load balancers, and says so', async () => {
    const { client } = createNetworkDouble(['one'])
    const network = createLocalCloudNetwork({ client, network: 'one', clusterName: 'c' })
    const request = { name: 'lb', service: 'ns/s', listeners: [listener], nodes: [], internal: true } as const
    await expect(network.ensureLoadBalancer(request)).rejects.toMatchObject({ kind: 'Invalid' })
  })

  it('names the network that is not there', async () => {
    const { client } = createNetworkDouble([])
    const network = createLocalCloudNetwork({ client, network: 'one', clusterName: 'c' })
    await expect(network.listRoutes()).rejects.toMatchObject({ kind: 'NotFound', field: 'network' })
  })
})

describe('readCredentialsDirectory', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloud-credentials-'))
    await writeFile(join(directory, 'endpoint'), 'https://198.18.0.1:8443\n')
    await writeFile(join(directory, 'token'), 'secret\n')
  })
  afterEach(() => rm(directory, { recursive: true }))

  it.each(['caBundle', 'ca.crt'])('reads the files of a mounted Secret with %s', async (name) => {
    await writeFile(join(directory, name), 'PEM\n')
    expect(await readCredentialsDirectory(directory)).toEqual({
      endpoint: 'https://198.18.0.1:8443',
      token: 'secret',
      caBundle: 'PEM',
    })
  })

  it('names the file that is missing or empty', async () => {
    await expect(readCredentialsDirectory(directory)).rejects.toThrow('there is no caBundle or ca.crt in')
    await writeFile(join(directory, 'caBundle'), '')
    await expect(readCredentialsDirectory(directory)).rejects.toThrow('caBundle is empty')
  })
})
