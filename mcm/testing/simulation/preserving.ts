import { type Node, nodes } from '@trellis/api/core/node'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineLabels } from '@trellis/api/machine/well-known'
import { controllerOf } from '../../src/common/ownership.ts'
import { isLeaving, phaseOf } from '../../src/machine/phase.ts'
import { preservedUntil, preserveValueOf } from '../../src/machine/preservation.ts'
import { honoursPreservation } from '../../src/machine-set/preservation.ts'
import { Breach, type Invariant } from './breach.ts'
import { createRecent } from './recent.ts'
import type { World } from './world.ts'

/**
 * *No early ends*: a failed machine that is preserved is not deleted before its time is over, unless a user deletes it or its Node, takes the wish back or another, lowers the number of those that are
 * preserved by themselves, or its set is to have fewer machines than it has, or is being replaced: all of these as they could be known lately.
 */
export function noEarlyEnds(world: World): Invariant & { userDeletes(uidOrNode: string): void } {
  const { control, target, clock } = world
  const byUser = new Set<string>()
  const wishes = createRecent<string | undefined>(world)
  const excuses = createRecent<string>(world)
  const sizes = createRecent<number>(world)
  let broken: Breach | undefined
  const judge = (before: Machine, after: Machine) => {
    const until = preservedUntil(before)
    const { name, uid = '' } = after.metadata
    if (phaseOf(before) !== 'Failed' || until === undefined || until <= clock.now() + 1000) return
    if (byUser.has(uid) || byUser.has(name)) return
    const value = preserveValueOf(before)
    if (value === undefined || value === 'false' || wishes.of(name).length > 1 || wishes.of(`node ${name}`).length > 1)
      return
    const set = control.peek(machineSets).find(({ metadata }) => metadata.uid === controllerOf(after)?.uid)
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return
    const deployment = after.metadata.labels?.[machineLabels.deploymentName] ?? ''
    if (new Set(excuses.of(set.metadata.name)).size > 1 || new Set(excuses.of(deployment)).size > 1) return
    if (!honoursPreservation(set)) return
    const siblings = control
      .peek(machines)
      .filter((machine) => controllerOf(machine)?.uid === set.metadata.uid && machine !== after && !isLeaving(machine))
    // Its set shrinks: one of its machines has to go, and this one may be the last.
    if (siblings.length >= Math.min(...sizes.of(set.metadata.name))) return
    const left = Math.round((until - clock.now()) / 1000)
    broken ??= new Breach('no early ends', `${name}, which is preserved for ${left} s more, is deleted`)
  }
  control.onChange(({ target: kind, before, after }) => {
    const { name = '' } = (after ?? before)?.metadata ?? {}
    if (kind === machineDeployments.plural) excuses.set(name, termsOf(after as MachineDeployment | undefined))
    if (kind === machineSets.plural) {
      const set = after as MachineSet | undefined
      sizes.set(name, set?.spec?.replicas ?? 0)
      const { autoPreserveFailedMachineMax: most = 0 } = set?.spec ?? {}
      excuses.set(name, `${most} ${set !== undefined && honoursPreservation(set)}`)
    }
    if (kind !== machines.plural || after === undefined) return
    wishes.set(name, after.metadata.annotations?.[machineAnnotations.preserve])
    if (before !== undefined && !isLeaving(before as Machine) && isLeaving(after as Machine))
      judge(before as Machine, after as Machine)
  })
  target.onChange(({ target: kind, before, after }) => {
    if (kind !== nodes.plural) return
    const { name } = ((after ?? before) as Node).metadata
    wishes.set(`node ${name}`, after?.metadata.annotations?.[machineAnnotations.preserve])
  })
  return {
    userDeletes: (uidOrNode) => void byUser.add(uidOrNode),
    check: () => {
      if (broken !== undefined) throw broken
    },
  }
}

/** What of a deployment may end a preservation. */
function termsOf(deployment: MachineDeployment | undefined): string {
  const { replicas = 0, autoPreserveFailedMachineMax: most = 0, template, strategy } = deployment?.spec ?? {}
  return JSON.stringify([replicas, most, template, strategy, deployment?.metadata.deletionTimestamp])
}
