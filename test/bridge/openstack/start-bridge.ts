import type { CloudClient } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { OpenStack } from '../../openstack/start-openstack.ts'
import { type Bridge, startBridge } from '../bridge.ts'
import { listenOn } from '../listen.ts'
import { createImitatedOpenStack } from './imitated-openstack.ts'
import { createMetadataAgent, type Instance } from './metadata-agent.ts'

/** What a bridge to an OpenStack stands on. */
export interface OpenStackBridgeOptions {
  readonly clock: Clock
  readonly local: CloudClient
  /** The host's address in the local cloud's public network. */
  readonly address: string
  readonly image: string
  readonly openStack: Pick<OpenStack, 'administrator' | 'metadata'>
}

/** Each look costs the services some tenths of a second of CPU. */
const pauseMilliseconds = 2000

/** Gives each server of an OpenStack, whose hypervisor is a double, a machine of the local cloud. What the machine is told comes from Nova itself. */
export async function startOpenStackBridge(options: OpenStackBridgeOptions): Promise<Bridge> {
  const { clock, local, address, image, openStack } = options
  await using stack = new AsyncDisposableStack()
  const found = new Map<string, Instance>()
  const find = async (serverId: string) => {
    // Which server a machine is never changes, and cloud-init asks some thirty questions.
    const instance = found.get(serverId) ?? (await findInstance(options, serverId))
    if (instance !== undefined) found.set(serverId, instance)
    return instance
  }
  const metadata = stack.use(await listenOn(address, createMetadataAgent({ ...openStack.metadata, find })))
  const bridge = stack.use(
    startBridge({
      clock,
      local,
      imitated: createImitatedOpenStack(openStack.administrator),
      metadataService: { url: metadata.url, datasource: 'OpenStack' },
      image,
      flavor: 'small',
      name: 'openstack',
      pauseMilliseconds,
    }),
  )
  const owned = stack.move()
  return { trouble: bridge.trouble, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Machines are named after the servers that they are. */
async function findInstance(
  { local, openStack }: OpenStackBridgeOptions,
  serverId: string,
): Promise<Instance | undefined> {
  try {
    const { name } = await local.getServer(serverId)
    const path = `/servers/${name}`
    const { server } = await openStack.administrator.call<{ server: { tenant_id: string } }>('nova', 'GET', path)
    return { id: name, project: server.tenant_id }
  } catch (error) {
    if (isFailure(error, 'NotFound')) return undefined
    throw error
  }
}
