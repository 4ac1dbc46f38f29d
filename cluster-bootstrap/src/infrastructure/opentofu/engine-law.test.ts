import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createGate } from '@trellis/foundation/gate'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { killed } from '../../../testing/dying-process.ts'
import {
  describeInfrastructure,
  type InfrastructureHarness,
  type InfrastructureWish,
} from '../../../testing/infrastructure-conformance.ts'
import { createScriptedTofu, type ScriptedTofu } from '../../../testing/scripted-tofu.ts'
import type { InfrastructureEngine, InfrastructureRequest } from '../engine.ts'
import { createOpenTofuInfrastructure } from './engine.ts'

function wishFor(cluster: string): InfrastructureWish {
  return {
    technicalId: `shoot--tofu--${cluster}`,
    region: 'region',
    zones: ['zone-a'],
    networks: { nodes: '10.250.0.0/16', pods: '100.96.0.0/16', services: '100.64.0.0/16' },
    configuration: undefined,
    secret: { PASSWORD: 'correct-horse' },
  }
}

/** One API server for all states, and a scripted cloud for each cluster: what is on trial is what the engine makes of OpenTofu's states. */
async function open(): Promise<InfrastructureHarness> {
  const root = await createTemporaryDirectory()
  const memoryDirectory = join(root.path, 'memory')
  for (const name of ['memory', 'scripted']) await mkdir(join(root.path, name))
  const [clock, random] = [createSystemClock(), createSeededRandom('engine-law')]
  const client = createFakeClient({ clock, random })
  const worlds = new Map<string, ScriptedTofu>()
  const worldOf = (technicalId: string) => {
    const world = worlds.get(technicalId) ?? createScriptedTofu()
    worlds.set(technicalId, world)
    return world
  }
  const engineOf = ({ tofu, cloud }: ScriptedTofu): InfrastructureEngine =>
    createOpenTofuInfrastructure({
      ...{ clock, random, client, tofu, cloud, memoryDirectory },
      log: createSilentLog(),
      modulesDirectory: root.path,
      providersDirectory: '/providers',
      gate: createGate(2),
    })
  const begin = (diesAt?: number) => {
    let steps = 0
    const at = ({ technicalId }: InfrastructureRequest) => {
      const world = worldOf(technicalId)
      world.onRemoveLeftovers = () => void world.existing.delete('left')
      world.onStep = () => {
        steps++
        if (diesAt !== undefined && steps >= diesAt) throw killed()
      }
      return engineOf(world)
    }
    const engine: InfrastructureEngine = {
      apply: (request) => at(request).apply(request),
      plan: (request) => at(request).plan(request),
      destroy: (request) => at(request).destroy(request),
    }
    return { engine, calls: () => steps, writes: () => steps }
  }
  const things = (cluster: string) => [...worldOf(wishFor(cluster).technicalId).existing]
  return {
    engine: begin,
    request: wishFor,
    remains: async (cluster) => things(cluster).map(([address, id]) => `${address} ${id}`),
    names: async (cluster) => things(cluster).map(([address]) => address),
    leaveBehind: async (cluster) => void worldOf(wishFor(cluster).technicalId).existing.set('left', 'left-1'),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  }
}

// A scripted module knows no changes; those of the real program are tested at the real OpenStack.
describeInfrastructure('the engine on OpenTofu', open, { fixed: true })
