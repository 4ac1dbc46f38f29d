import { type CloudDouble, createCloudDouble } from '../../testing/cloud-double.ts'
import { createDyingProcess } from '../../testing/dying-process.ts'
import { createHastyClock } from '../../testing/hasty-clock.ts'
import {
  describeInfrastructure,
  type InfrastructureHarness,
  type InfrastructureWish,
} from '../../testing/infrastructure-conformance.ts'
import { createLocalInfrastructure } from './local.ts'

function wishFor(cluster: string): InfrastructureWish {
  return {
    technicalId: `shoot--local--${cluster}`,
    region: 'local',
    zones: [],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: undefined,
    secret: { token: 'token-of-tests' },
  }
}

/** A network is made and looked up by one and the same call, so a change is told by what the cloud holds. */
function shapeOf({ networks, servers, balancers, routes }: CloudDouble): string {
  return JSON.stringify([networks, servers, balancers, routes].map((things) => [...things.values()]))
}

async function open(): Promise<InfrastructureHarness> {
  const cloud = createCloudDouble()
  const clock = createHastyClock()
  const thingsOf = (cluster: string, show: 'id' | 'name') => {
    const { technicalId } = wishFor(cluster)
    const network = [...cloud.networks.values()].find(({ name }) => name === technicalId)
    if (network === undefined) return []
    const inside = [...cloud.servers.values(), ...cloud.balancers.values()].filter((one) => one.network === network.id)
    const routes = [...cloud.routes.values()].filter((one) => one.network === network.id).map(({ id }) => `route ${id}`)
    return [...[network, ...inside].map((one) => one[show]), ...routes].sort()
  }
  return {
    engine: (diesAt, when = 'after') => {
      const death = diesAt === undefined ? undefined : { at: diesAt, when }
      const { wrap, calls } = createDyingProcess((name) => name.startsWith('list'), death)
      const engine = createLocalInfrastructure({ clock, cloud: wrap(cloud.client) })
      const before = shapeOf(cloud)
      return { engine, calls, writes: () => (shapeOf(cloud) === before ? 0 : calls()) }
    },
    moments: ['before', 'after'],
    request: wishFor,
    remains: async (cluster) => thingsOf(cluster, 'id'),
    names: async (cluster) => thingsOf(cluster, 'name'),
    leaveBehind: async (cluster) => {
      const { technicalId } = wishFor(cluster)
      cloud.addServer(technicalId, `${technicalId}-worker`)
      cloud.addLoadBalancer(technicalId, `${technicalId}-web`)
      cloud.addRoute(technicalId, '100.96.0.0/24')
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

describeInfrastructure('the engine of the embedded cloud', open, { fixed: true })
