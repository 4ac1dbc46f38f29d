import { describeCloudNetwork } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll } from 'vitest'
import { type RealCloud, startRealCloud } from '../testing/real-cloud.ts'
import { createLocalCloudNetwork } from './cloud-network.ts'

const random = createSystemRandom()
let cloud: RealCloud

beforeAll(async () => {
  cloud = await startRealCloud()
})
afterAll(() => cloud?.[Symbol.asyncDispose]())

describeCloudNetwork('the local cloud', async () => {
  // Networks are isolated from each other, so each test may have the same range for itself.
  const [own, other] = [`own-${random.text(6)}`, `other-${random.text(6)}`]
  const { client } = cloud
  for (const name of [own, other]) await client.createNetwork({ name, cidr: '10.250.0.0/16' })
  return {
    network: createLocalCloudNetwork({ client, network: own, clusterName: own }),
    foreign: createLocalCloudNetwork({ client, network: other, clusterName: other }),
    addNode: async (name) => {
      await cloud.addServer(own, name)
      return name
    },
    removeNode: (name) => cloud.removeServer(name),
    [Symbol.asyncDispose]: async () => {
      for (const network of [own, other]) {
        for (const { name } of await client.listLoadBalancers({ network })) await client.deleteLoadBalancer(name)
      }
      for (const { name } of await client.listServers({ network: own })) await cloud.removeServer(name)
    },
  }
})
