import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { controllerOf } from '../../src/common/ownership.ts'
import { hasFreezeLabel } from '../../src/safety/overshoot.ts'
import { Breach, type Invariant } from './breach.ts'
import { staleMilliseconds } from './recent.ts'
import type { World } from './world.ts'

/** Where nothing is late, what is under way ends within this time. */
const promptMilliseconds = 5000
/** Until controllers know that an API server is down: nothing is heard of it (75 s), it is asked and does not answer (30 s), one more look, and calls under way. */
const silenceMilliseconds = 150_000

/**
 * *Frozen is frozen*: a set that is frozen makes no machine, from when that can be known; and while an API server has not answered for long, no server is made.
 * Controllers that have not heard of a target since they started do make servers: a new cluster has none yet.
 */
export function frozenIsFrozen(world: World): Invariant & { userMakes(name: string): void } {
  const { control, clock, faults } = world
  const since = new Map<string, number>()
  const byUser = new Set<string>()
  let broken: Breach | undefined
  const silent = createSilence(world)
  control.onChange(({ target, before, after }) => {
    if (target === machineSets.plural) {
      const { uid = '' } = (after ?? before)?.metadata ?? {}
      if (after === undefined || !hasFreezeLabel(after as MachineSet)) since.delete(uid)
      else if (!since.has(uid)) since.set(uid, clock.now())
    }
    if (target !== machines.plural || before !== undefined || after === undefined) return
    const owner = controllerOf(after as Machine)
    const frozenAt = since.get(owner?.uid ?? '')
    if (frozenAt === undefined || byUser.has(after.metadata.name)) return
    const { watchLag, latencyMilliseconds, watchBreak } = faults.rates()
    const isPrompt = watchLag === 0 && latencyMilliseconds === 0 && watchBreak === 0
    const grace = isPrompt ? promptMilliseconds : staleMilliseconds
    if (clock.now() - Math.max(frozenAt, world.startedAt()) <= grace) return
    broken ??= new Breach('frozen is frozen', `${after.metadata.name} is made for ${owner?.name}`)
  })
  world.onServerCreation((machineName) => {
    const mute = (['control', 'target'] as const).find((cluster) => silent(cluster))
    if (mute !== undefined) broken ??= new Breach('frozen is frozen', `${machineName} gets a server without ${mute}`)
  })
  return {
    userMakes: (name) => void byUser.add(name),
    check: () => {
      silent('control')
      silent('target')
      if (broken !== undefined) throw broken
    },
  }
}

/** Tells whether a cluster has been silent for so long that the controllers of this life must have noticed. To be asked at every step. */
function createSilence({ clock, faults, startedAt, wasHeard }: World) {
  const since = new Map<string, number>()
  return (cluster: 'control' | 'target'): boolean => {
    if (!faults.outages[cluster]) since.delete(cluster)
    else if (!since.has(cluster)) since.set(cluster, clock.now())
    const began = since.get(cluster)
    if (began === undefined || !wasHeard(cluster) || startedAt() > began) return false
    return clock.now() - began > silenceMilliseconds
  }
}
