import type { CloudRoutes } from '@trellis/cloudprovider/contract/cloud-network'
import type { CloudNetworkWorld } from '@trellis/cloudprovider/contract/testing/cloud-network-conformance'
import type { OpenStackClient } from '@trellis/cloudprovider/openstack/client'
import { createOpenStackCloudNetwork } from '@trellis/cloudprovider/openstack/cloud-network'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { ClassParts } from './class-parts.ts'
import { flavors } from './world.ts'

const clock = createSystemClock()
const settleMilliseconds = 60_000

/** A network with a router at the real Neutron, and a router of another cluster. */
export async function openNetworkWorld(parts: ClassParts, unique: string): Promise<CloudNetworkWorld<CloudRoutes>> {
  const { client, account, region } = parts
  const [own, other] = [`own-${unique}`, `other-${unique}`]
  const network = await client.networks.create({ name: own })
  const subnet = await client.subnets.create({
    name: own,
    network_id: network.id,
    ip_version: 4,
    cidr: '10.251.0.0/24',
  })
  const [router, foreign] = [await client.routers.create({ name: own }), await client.routers.create({ name: other })]
  await client.addRouterInterface(router.id, subnet.id)
  await using stack = new AsyncDisposableStack()
  const open = (clusterName: string) =>
    stack.use(createOpenStackCloudNetwork({ clock, region, secret: account.secret, clusterName, router: clusterName }))
  const world = { network: open(own), foreign: open(other) }
  const kept = stack.move()
  const servers = async () => (await client.servers.list({})).filter(({ name }) => name.endsWith(`-${unique}`))
  const remove = async (doomed: string) => {
    for (const { id, name } of await servers()) if (name.startsWith(doomed)) await client.servers.remove(id)
    await until(async () => !(await servers()).some(({ name }) => name.startsWith(doomed)))
  }
  return {
    ...world,
    addNode: (label) => addServer(parts, { name: `${label}-${unique}`, network: network.id, cluster: own }),
    removeNode: remove,
    [Symbol.asyncDispose]: async () => {
      await remove('')
      const { routes = [] } = await client.routers.get(router.id)
      if (routes.length > 0) await client.removeRouterRoutes(router.id, routes)
      await client.removeRouterInterface(router.id, subnet.id)
      for (const { id } of [router, foreign]) await client.routers.remove(id)
      await client.networks.remove(network.id)
      await kept.disposeAsync()
    },
  }
}

async function addServer(
  { client, image }: ClassParts,
  wish: { readonly name: string; readonly network: string; readonly cluster: string },
): Promise<string> {
  const tags = [`kubernetes.io-cluster-${wish.cluster}`, 'kubernetes.io-role-node']
  const { id } = await client.createServer({
    server: {
      name: wish.name,
      flavorRef: await flavorOf(client),
      imageRef: image,
      networks: [{ uuid: wish.network }],
      metadata: Object.fromEntries(tags.map((tag) => [tag, '1'])),
      tags,
    },
  })
  await until(async () => (await client.servers.get(id)).status === 'ACTIVE')
  return wish.name
}

async function flavorOf(client: OpenStackClient): Promise<string> {
  const flavor = (await client.flavors.list({})).find(({ name }) => name === flavors.small)
  if (flavor === undefined) throw new Failure('NotFound', `there is no flavor ${flavors.small}`)
  return flavor.id
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = clock.now() + settleMilliseconds
  while (!(await condition())) {
    if (clock.now() > end) throw new Failure('Timeout', 'the cloud does not settle')
    await clock.sleep(500)
  }
}
