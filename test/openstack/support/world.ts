import type { Administrator } from '../administrator.ts'
import type { OpenStack } from '../start-openstack.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/** What the tests of a cloud find there: as much as any cloud has before its first cluster. */
export interface World {
  readonly openStack: Pick<
    OpenStack,
    'administrator' | 'region' | 'authUrl' | 'addAccount' | 'addresses' | 'volumePort'
  >
  readonly image: Named
  readonly externalNetwork: Named
}

/** Names of the flavors: one that fits, and one with more disk than the only host has. */
export const flavors = { small: 'm1.small', impossible: 'm1.impossible' } as const

/** Makes flavors, an image and a network to the outside, once for all tests. */
export async function prepareWorld(openStack: World['openStack']): Promise<World> {
  const { administrator } = openStack
  for (const [name, disk] of [
    [flavors.small, 1],
    [flavors.impossible, 700_000],
  ] as const) {
    await administrator.call('nova', 'POST', '/flavors', { flavor: { name, vcpus: 1, ram: 512, disk } })
  }
  return {
    openStack,
    image: await makeImage(administrator, 'tiny'),
    externalNetwork: await makeExternalNetwork(administrator, 'outside'),
  }
}

/** An image that every project sees. No hypervisor ever reads it. */
export async function makeImage({ call, upload }: Administrator, name: string): Promise<Named> {
  const image = await call<Named>('glance', 'POST', '/images', {
    name,
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'public',
  })
  await upload(image.id, new Uint8Array(65_536))
  return image
}

/** A network to the outside with a subnet. */
export async function makeExternalNetwork({ call }: Administrator, name: string): Promise<Named> {
  const { network } = await call<{ network: Named }>('neutron', 'POST', '/networks', {
    network: {
      name,
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physical',
    },
  })
  await call('neutron', 'POST', '/subnets', {
    subnet: { name, network_id: network.id, ip_version: 4, cidr: '172.31.255.0/24', enable_dhcp: false },
  })
  return network
}
