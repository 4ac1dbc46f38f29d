import type { CloudClient, MetadataService } from '@trellis/cloudprovider/local/client'
import type { Clock } from '@trellis/foundation/clock'
import { describe, Failure } from '@trellis/foundation/failure'
import type { ImitatedCloud, ImitatedWorld } from './imitated-cloud.ts'
import { type LocalWorld, planBridge, type Step } from './plan.ts'

/** What a bridge stands on. */
export interface BridgeOptions {
  readonly clock: Clock
  /** Where the machines run. */
  readonly local: CloudClient
  readonly imitated: ImitatedCloud
  /** Who tells the machines about themselves. */
  readonly metadataService: MetadataService
  /** Image and flavor of the machines, whatever the imitated cloud calls them. */
  readonly image: string
  readonly flavor: string
  /** Value of the tag by which the bridge knows what it has made. */
  readonly name: string
  /** Between two looks at the imitated cloud; 500 unless told. */
  readonly pauseMilliseconds?: number
}

/** Keeps a local machine for each server that an imitated cloud says it has. Disposing it takes all of them away. */
export interface Bridge extends AsyncDisposable {
  /** What went wrong in the last pass, and how far it was. */
  trouble(): string | undefined
}

const usualPauseMilliseconds = 500
const goneMilliseconds = 60_000
const nothing: ImitatedWorld = { networks: [], servers: [], routes: [] }
const bridgeTag = 'trellis.internal/bridge'

/** Starts the bridge. It looks again and again: neither an imitated cloud nor the local one can be watched. */
export function startBridge(options: BridgeOptions): Bridge {
  const { clock, imitated, pauseMilliseconds = usualPauseMilliseconds } = options
  const stop = new AbortController()
  let trouble: string | undefined
  const follow = async () => {
    while (!stop.signal.aborted) {
      try {
        await pass(options, await imitated.observe(stop.signal))
        trouble = undefined
      } catch (error) {
        trouble = describe(error)
      }
      await clock.sleep(pauseMilliseconds, stop.signal).catch(() => {})
    }
  }
  const following = follow()
  return {
    trouble: () => trouble,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new Failure('Unavailable', 'the bridge is taken down'))
      await following
      const end = clock.now() + goneMilliseconds
      for (let left = await look(options); left.networks.length > 0; left = await look(options)) {
        if (clock.now() > end) throw new Failure('Timeout', `left: ${JSON.stringify(left)}`)
        await pass(options, nothing)
        await clock.sleep(usualPauseMilliseconds)
      }
    },
  }
}

async function look({ local, name }: BridgeOptions): Promise<LocalWorld> {
  const ours = { tags: { [bridgeTag]: name } }
  const [networks, servers] = await Promise.all([local.listNetworks(ours), local.listServers(ours)])
  const routes = await Promise.all(networks.map(({ id }) => local.listRoutes(id)))
  return { networks, servers, routes: routes.flat() }
}

async function pass(options: BridgeOptions, wanted: ImitatedWorld): Promise<void> {
  for (const step of planBridge(wanted, await look(options))) await take(options, step)
}

async function take(options: BridgeOptions, step: Step): Promise<unknown> {
  const { local, metadataService, image, flavor } = options
  const tags = { [bridgeTag]: options.name }
  switch (step.kind) {
    case 'delete-route':
      return local.deleteRoute(step.route.network, step.route.id)
    case 'delete-server':
      return local.deleteServer(step.server.id)
    case 'delete-network':
      return local.deleteNetwork(step.network.id)
    case 'create-network':
      return local.createNetwork({ ...step.network, tags })
    case 'create-server': {
      const { name, network, address: privateAddress } = step.server
      // What the machine is to do it is told by the imitated cloud's metadata.
      return local.createServer({ name, network, privateAddress, image, flavor, userData: '', metadataService, tags })
    }
    case 'create-route':
      return local.createRoute(step.network.id, { destination: step.destination, nextHopServer: step.server.id })
  }
}
