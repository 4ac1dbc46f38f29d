import { InvariantError } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import type { Action } from './actions.ts'
import type { World } from './world.ts'

/** Carries out what is no user's: servers, quotas, workloads, updates, outages and the controllers' process. */
export async function actOnWorld(world: World, action: Action): Promise<void> {
  const { cloud, faults, quota, random, workloads } = world
  faults.disturb()
  switch (action.do) {
    case 'delete-server': {
      const servers = cloud.servers()
      const server = servers[action.pick % Math.max(1, servers.length)]
      if (server !== undefined) void cloud.remove(server).catch(() => {})
      return
    }
    case 'create-server': {
      const tags = { 'kubernetes.io/cluster/test': '1', 'kubernetes.io/role/node': '1' }
      const wish = {
        machineName: action.name,
        machineType: 'small',
        region: 'region',
        zone: 'zone',
        tags,
        userData: '',
      }
      // Nobody gave it a token to join with.
      cloud.script({ operation: 'join', machine: `^${action.name}$` })
      void cloud.create(wish, tags).catch(() => {})
      return
    }
    case 'quota': {
      const { machineType = '*', servers } = action
      if (servers === undefined) delete quota[machineType]
      else quota[machineType] = servers
      return
    }
    case 'fail-next':
      return cloud.script({ operation: action.operation, times: action.times })
    case 'app':
    case 'stateful-app': {
      const app = workloads.apps.find(({ name }) => name === action.name)
      const hasVolumes = action.do === 'stateful-app'
      if (app !== undefined) app.replicas = action.replicas
      else await workloads.add({ ...drawApp(random.child(action.name), action), hasVolumes })
      return
    }
    case 'detaching':
      workloads.disks.detachMilliseconds = action.seconds === null ? undefined : action.seconds * 1000
      return
    case 'updates':
      world.updates.end = action.end === 'failed' ? { failed: 'it was told to' } : action.end
      return
    case 'outage':
      return setOutage(world, action.cluster, action.down)
    case 'silence':
      setOutage(world, action.cluster, true)
      world.clock.setTimer(action.seconds * 1000, () => setOutage(world, action.cluster, false), { unref: true })
      return
    case 'break-watches':
      return world.breakWatches()
    case 'forget-history':
      world.control.compact()
      world.target.compact()
      return
    case 'crash':
      return world.crash()
    case 'stop':
      void world.stop()
      return
    case 'start':
      return world.start()
    default:
      throw new InvariantError(`nobody does ${action.do}`)
  }
}

/** Silences an API server, or lets it answer again. */
export function setOutage(world: World, cluster: 'control' | 'target', down: boolean): void {
  world.faults.disturb()
  if (world.faults.outages[cluster]) world.faults.silentUntil[cluster] = world.clock.now()
  world.faults.outages[cluster] = down
  if (down) world.breakWatches()
}

function drawApp(random: Random, { name, replicas }: { readonly name: string; readonly replicas: number }) {
  const guarded = random.integer(2) === 0
  const minAvailable = random.integer(3)
  const stopMilliseconds = random.integer(30_000)
  return { name, replicas, graceSeconds: 30, stopMilliseconds, ...(guarded ? { minAvailable } : {}) }
}
