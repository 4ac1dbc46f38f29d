import { zoneOf } from '../names.ts'
import type { World } from '../world.ts'
import type { InfrastructureTask } from './task.ts'
import { destroyZone } from './zone.ts'

/** Takes down what is left of zones that the configuration no longer has. */
export function abandonedZones(after: readonly string[]): InfrastructureTask {
  return {
    id: 'abandoned-zones',
    dependsOn: after,
    apply: async (world, { networks: { zones } }) => {
      const wanted = new Set(zones.map(({ name }) => name))
      for (const zone of zonesThere(world)) if (!wanted.has(zone)) await destroyZone(world, zone)
    },
    destroy: async () => {},
  }
}

/** Zones in which there is anything. */
export function zonesThere({ survey }: World): readonly string[] {
  return [...new Set(survey.keys().flatMap((key) => zoneOf(key) ?? []))].sort()
}
