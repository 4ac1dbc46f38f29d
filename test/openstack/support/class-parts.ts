import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import type { OpenStackClient } from '@trellis/cloudprovider/openstack/client'
import { connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { parseCredentials } from '@trellis/cloudprovider/openstack/credentials'
import { createSystemClock } from '@trellis/foundation/clock'
import type { Account } from '../start-openstack.ts'
import type { World } from './world.ts'

/** A project with what a machine class refers to. */
export interface ClassParts extends Disposable {
  readonly account: Account
  readonly client: OpenStackClient
  readonly image: string
  readonly region: string
  readonly network: string
  readonly subnet: string
  /** A valid providerSpec whose servers belong to the cluster of that name. */
  providerSpec(cluster: string, change?: Readonly<Record<string, unknown>>): Record<string, unknown>
}

/** A client of its own for an account. */
export function clientOf(account: Account, region: string): OpenStackClient {
  const clock = createSystemClock()
  return connectOpenStack({
    clock,
    credentials: parseCredentials(account.secret),
    wish: { region },
    budget: createCallBudget({ clock }, { perSecond: 1000, burst: 1000, leastPerSecond: 1 }),
  })
}

/** Makes a project with a network, a subnet, two security groups and a key pair. */
export async function makeClassParts({ openStack, image }: World): Promise<ClassParts> {
  const { region } = openStack
  const account = await openStack.addAccount()
  const client = clientOf(account, region)
  const network = await client.networks.create({ name: 'nodes' })
  const subnet = await client.subnets.create({
    name: 'nodes',
    network_id: network.id,
    ip_version: 4,
    cidr: '10.250.0.0/16',
  })
  for (const name of ['nodes', 'extra']) await client.securityGroups.create({ name })
  await client.keypairs.create({ name: 'nodes', public_key: publicKey })
  return {
    account,
    client,
    image: image.id,
    region,
    network: network.id,
    subnet: subnet.id,
    providerSpec: (cluster, change = {}) => ({
      apiVersion: 'openstack.machine.gardener.cloud/v1alpha1',
      kind: 'MachineProviderConfig',
      spec: {
        region,
        availabilityZone: 'nova',
        flavorName: 'm1.small',
        imageID: image.id,
        keyName: 'nodes',
        securityGroups: ['nodes'],
        networkID: network.id,
        subnetIDs: [subnet.id],
        podNetworkCIDRs: ['100.96.0.0/16', '100.97.0.0/16'],
        tags: { [`kubernetes.io-cluster-${cluster}`]: '1', 'kubernetes.io-role-node': '1' },
        ...change,
      },
    }),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  }
}

/** A public key whose private half nobody has. */
export const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5wVZ8xQm6xkCk5V3Gq4bC6vQyD3o3YlYy1c2H0d2xk test'
