import { isDeepStrictEqual } from 'node:util'
import { type Node, nodes } from '@trellis/api/core/node'
import { type MachineClass, machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { KubernetesObject } from '@trellis/api/meta'
import type { FakeChange } from '@trellis/kubernetes/testing/fake-client'
import { userMark } from './actions.ts'
import { Breach, type Invariant } from './breach.ts'
import type { World } from './world.ts'

const { fallbackClasses, maxReplacements, maxReplacementsPerZone } = machineAnnotations
const usersAnnotations = [fallbackClasses, maxReplacements, maxReplacementsPerZone]

/** The part of an object that belongs to its users, by kind. */
const usersPart: Readonly<Record<string, (object: KubernetesObject) => unknown>> = {
  [machineDeployments.plural]: (object) => [
    (object as MachineDeployment).spec,
    usersAnnotations.map((key) => object.metadata.annotations?.[key]),
  ],
  [machineClasses.plural]: ({ ...object }: KubernetesObject & Partial<MachineClass>) => [
    object.providerSpec,
    object.secretRef,
  ],
  [nodes.plural]: ({ metadata, spec }: Node) => [
    metadata.labels?.[userMark],
    (spec?.taints ?? []).filter(({ key }) => key === userMark),
  ],
}

/** No lost update: what belongs to users changes only while a user acts. */
export function noLostUpdates({
  control,
  target,
}: World): Invariant & { userActs(work: () => Promise<void>): Promise<void> } {
  let acting = 0
  let broken: Breach | undefined
  const watch = ({ target: kind, before, after }: FakeChange) => {
    const part = usersPart[kind]
    if (acting > 0 || part === undefined || before === undefined || after === undefined) return
    if (before.metadata.uid !== after.metadata.uid || isDeepStrictEqual(part(before), part(after))) return
    const texts = [part(before), part(after)].map((value) => JSON.stringify(value))
    broken ??= new Breach('no lost updates', `${kind} ${after.metadata.name} went from ${texts.join(' to ')}`)
  }
  control.onChange(watch)
  target.onChange(watch)
  return {
    // Nobody else writes meanwhile but by chance: the servers answer users at once.
    userActs: async (work) => {
      acting++
      try {
        await work()
      } finally {
        acting--
      }
    },
    check: () => {
      if (broken !== undefined) throw broken
    },
  }
}
