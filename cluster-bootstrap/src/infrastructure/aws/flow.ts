import { defineFlow, type Flow } from '@trellis/flow/define-flow'
import { createMemoryJournal } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import type { Task, TaskRetry } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import type { Random } from '@trellis/foundation/random'
import type { InfrastructureConfig } from './configuration.ts'
import { abandonedZones, zonesThere } from './tasks/abandoned-zones.ts'
import { clusterLeftovers } from './tasks/cluster-leftovers.ts'
import { identity } from './tasks/identity.ts'
import { keyPair } from './tasks/key-pair.ts'
import { publicRoutes } from './tasks/routes.ts'
import { securityGroup } from './tasks/security-group.ts'
import type { InfrastructureTask } from './tasks/task.ts'
import { vpc } from './tasks/vpc.ts'
import { zoneTask } from './tasks/zone.ts'
import type { World } from './world.ts'

/** All parts of an infrastructure with these zones. */
function partsOf(zones: readonly string[]): readonly InfrastructureTask[] {
  const zoneTasks = zones.map(zoneTask)
  const ends = zoneTasks.map(({ id }) => id)
  return [vpc, publicRoutes, securityGroup, ...zoneTasks, abandonedZones(['public-routes', ...ends]), identity, keyPair]
}

/** How long troubles that pass by themselves are waited for in each part: EC2 shows new things late, and lets go of old ones slowly. */
const backoff = { firstMilliseconds: 500, longestMilliseconds: 10_000 }
const applying = { backoff, deadlineMilliseconds: 60_000 }
const destroying = { backoff, deadlineMilliseconds: 300_000 }

type Method = (world: World) => Promise<void>

function taskOf(id: string, dependsOn: readonly string[], retry: TaskRetry, method: Method): Task<World> {
  return {
    id,
    dependsOn,
    retry,
    run: async ({ services, tries }) => {
      // A try before may have made something whose answer was lost.
      if (tries > 1) await services.survey.refresh()
      await method(services)
    },
  }
}

/** Makes everything that the configuration wants, side by side where it can be. Throws the first failure. */
export async function applyParts(world: World, config: InfrastructureConfig, random: Random): Promise<void> {
  const parts = partsOf(config.networks.zones.map(({ name }) => name))
  const tasks = parts.map((part) => taskOf(part.id, part.dependsOn, applying, (there) => part.apply(there, config)))
  await run(defineFlow('aws-infrastructure', tasks), world, random)
}

/** Takes everything down that is there, each part before those that it depends on. Throws the first failure. */
export async function destroyParts(world: World, random: Random): Promise<void> {
  const parts = [...partsOf(zonesThere(world)), clusterLeftovers]
  const tasks = parts.map((part) => {
    const dependents = parts.filter(({ dependsOn }) => dependsOn.includes(part.id)).map(({ id }) => id)
    const first = part.id.startsWith('zone-') ? [...dependents, clusterLeftovers.id] : dependents
    return taskOf(part.id, first, destroying, (there) => part.destroy(there))
  })
  await run(defineFlow('aws-infrastructure-deletion', tasks), world, random)
}

/** Takes away what the cluster itself left, whichever engine made the infrastructure: it is found by the cluster's tag. Throws the first failure. */
export async function removeClusterLeftovers(world: World, random: Random): Promise<void> {
  const task = taskOf(clusterLeftovers.id, [], destroying, (there) => clusterLeftovers.destroy(there))
  await run(defineFlow('aws-cluster-leftovers', [task]), world, random)
}

async function run(flow: Flow<World>, world: World, random: Random): Promise<void> {
  const { clock, request } = world
  const { errors, outcome } = await runFlow(flow, {
    clock,
    random,
    journal: createMemoryJournal(),
    run: request.technicalId,
    services: world,
    signal: request.signal,
  })
  request.signal.throwIfAborted()
  const [first] = errors
  if (first !== undefined) throw first.error
  if (outcome !== 'succeeded') throw new Failure('Unavailable', `the flow ${flow.name} ended early`)
}
