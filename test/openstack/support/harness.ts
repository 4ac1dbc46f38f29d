import type { DriverHarness } from '@trellis/cloudprovider/contract/testing/driver-conformance'
import { type ConnectOptions, connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { providerIdOf } from '@trellis/cloudprovider/openstack/describe-server'
import { createOpenStackDriver } from '@trellis/cloudprovider/openstack/driver'
import type { Server } from '@trellis/cloudprovider/openstack/resources'
import { exampleVolumes } from '@trellis/cloudprovider/openstack/testing/example-volumes'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { ClassParts } from './class-parts.ts'

const clock = createSystemClock()
const settleMilliseconds = 60_000

/** A harness in one project for all tests: clusters have names of their own in each, and what is left is taken away at the end. */
export function openHarness(parts: ClassParts, unique: string): DriverHarness {
  const { client, account } = parts
  const clusterOf = (cluster: string) => `${cluster}-${unique}`
  let lose = false
  const connect = (options: ConnectOptions) => {
    const reached = connectOpenStack(options)
    const createServer: typeof reached.createServer = async (...wish) => {
      const made = await reached.createServer(...wish)
      if (!lose) return made
      lose = false
      throw new Failure('Timeout', 'the answer was lost')
    }
    return { ...reached, createServer }
  }
  const driver = createOpenStackDriver({ clock, connect })
  const restarted = createOpenStackDriver({ clock })
  const own = async (): Promise<readonly Server[]> =>
    (await client.servers.list({})).filter(({ metadata }) => Object.keys(metadata).some((key) => key.endsWith(unique)))
  const present = async (machineName: string, cluster: string) => {
    const mark = `kubernetes.io-cluster-${clusterOf(cluster)}`
    const found = (await own()).find(({ name, metadata }) => name === machineName && mark in metadata)
    if (found === undefined) throw new Failure('NotFound', `${machineName} has no server`)
    return found
  }
  return {
    driver,
    restarted: () => restarted,
    providerSpec: (cluster) => parts.providerSpec(clusterOf(cluster)),
    secret: { ...account.secret, userData: '#cloud-config\n' },
    elapse: async (work) => {
      try {
        return await work()
      } finally {
        await settle(own)
      }
    },
    volumes: exampleVolumes,
    servers: async () => (await own()).length,
    loseNextCreation: () => {
      lose = true
    },
    duplicate: (machineName) => duplicate(parts, machineName, present),
    leaveBehind: (machineName, cluster) => leaveBehind(parts, machineName, clusterOf(cluster)),
    mutable: {
      change: {
        spec: {
          ...(parts.providerSpec(clusterOf('one')).spec as object),
          tags: { [`kubernetes.io-cluster-${clusterOf('one')}`]: '1', 'kubernetes.io-role-node': '1', colour: 'blue' },
          securityGroups: ['nodes', 'extra'],
          podNetworkCIDRs: ['100.96.0.0/16', '100.98.0.0/16', '100.99.0.0/16'],
        },
      },
      fields: async (machineName, cluster) => {
        const server = await present(machineName, cluster)
        const ports = await client.ports.list({ device_id: server.id })
        return {
          metadata: server.metadata,
          ports: ports.map(({ id, security_groups, allowed_address_pairs }) => ({
            id,
            groups: [...security_groups].sort(),
            ranges: allowed_address_pairs.map(({ ip_address }) => ip_address).sort(),
          })),
        }
      },
    },
    [Symbol.asyncDispose]: async () => {
      driver[Symbol.dispose]()
      restarted[Symbol.dispose]()
      for (const { id } of await own()) await client.servers.remove(id)
      await until(async () => (await own()).length === 0)
      for (const port of await client.ports.list({ network_id: parts.network })) {
        if (port.device_id === '' && port.tags?.some((tag) => tag.endsWith(unique))) await client.ports.remove(port.id)
      }
    },
  }
}

/** Waits until Nova is done with all that was asked of it. */
function settle(own: () => Promise<readonly Server[]>): Promise<void> {
  return until(async () =>
    (await own()).every(
      ({ status, ...server }) => status !== 'BUILD' && (server['OS-EXT-STS:task_state'] ?? null) === null,
    ),
  )
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = clock.now() + settleMilliseconds
  while (!(await condition())) {
    if (clock.now() > end) throw new Failure('Timeout', 'the cloud does not settle')
    await clock.sleep(500)
  }
}

/** Nova does not mind several servers of one name. */
async function duplicate(
  { client, network, region }: ClassParts,
  machineName: string,
  present: (machineName: string, cluster: string) => Promise<Server>,
): Promise<string> {
  const { metadata, tags } = await present(machineName, 'one')
  const [flavor] = (await client.flavors.list({})).filter(({ name }) => name === 'm1.small')
  const [image] = await client.images.list({ name: 'tiny' })
  const { id } = await client.createServer({
    server: {
      name: machineName,
      flavorRef: flavor?.id,
      imageRef: image?.id,
      networks: [{ uuid: network }],
      metadata,
      tags,
    },
  })
  await until(async () => (await client.servers.get(id)).status === 'ACTIVE')
  return providerIdOf(region, { id })
}

async function leaveBehind({ client, network }: ClassParts, machineName: string, cluster: string): Promise<void> {
  const port = await client.ports.create({ name: machineName, network_id: network })
  await client.setNetworkTags('ports', port.id, [`kubernetes.io-cluster-${cluster}`, 'kubernetes.io-role-node'])
}
