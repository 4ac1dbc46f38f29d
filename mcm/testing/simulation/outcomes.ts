import { leases } from '@trellis/api/core/lease'
import { type Node, nodes } from '@trellis/api/core/node'
import { type Pod, pods } from '@trellis/api/core/pod'
import { type VolumeAttachment, volumeAttachments } from '@trellis/api/core/storage'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import type { KubernetesObject } from '@trellis/api/meta'
import { controllerOf } from '../../src/common/ownership.ts'
import { phaseOf } from '../../src/machine/phase.ts'
import { preservedUntil, preserveValueOf } from '../../src/machine/preservation.ts'
import { hasFreezeLabel } from '../../src/safety/overshoot.ts'
import type { World } from './world.ts'

/**
 * In how many runs of five hundred what is worth meeting must come about at least: a simulation in which it is rarer proves little about it.
 * A third of what the leanest of the four shares met: what drifts with the code does not fall so far, what no longer works does.
 */
const fewest = {
  'updated in place': 6,
  'update in place failed': 3,
  'moved to the new set': 7,
  'preserved by a user': 10,
  'preserved by itself': 8,
  'preservation over': 13,
  // From one to four in each share: too rare to ask for, so that a script makes it happen (`noticing.test.ts`).
  'recovered while preserved': 0,
  'volume moved': 23,
  'volumes in turn': 19,
  'set frozen': 14,
  'set thawed': 14,
  'stood still': 32,
  'went on': 26,
  'made of a fallback class': 3,
  'several given up at a time': 4,
  'servers follow their class': 34,
  'node lost': 32,
  'lease renewed': 4,
} as const

/** Something worth meeting. */
export type Outcome = keyof typeof fewest

/** In how many runs each came about. */
export type Tally = Map<Outcome, number>

/** What came about too rarely in that many runs; few runs are asked for less, very few for nothing. */
export function tooRare(tally: Tally, runs: number): readonly string[] {
  return (Object.keys(fewest) as Outcome[]).flatMap((outcome) => {
    const [met, wanted] = [tally.get(outcome) ?? 0, Math.floor((fewest[outcome] * runs) / 500)]
    return met >= wanted ? [] : [`${outcome}: in ${met} of ${runs} runs, not in ${wanted}`]
  })
}

/** How often each came about. */
export type Outcomes = Partial<Record<Outcome, number>>

/** Counts what comes about in a world; `look` is to be called at every step. */
export function watchOutcomes(world: World): { readonly outcomes: Outcomes; look(): void } {
  const outcomes: Outcomes = {}
  const count = (outcome: Outcome) => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    world.note(() => `+++ ${outcome}`)
  }
  const parts = { world, count }
  const ofTarget = { ...volumeWatchers(parts), ...nodeWatchers(parts) }
  follow(world.control, { ...machineWatchers(parts), ...setWatchers(parts) })
  follow(world.target, ofTarget)
  let still = false
  let updates = 0
  return {
    outcomes,
    look: () => {
      const now = world.standsStill()
      if (now !== still && world.isUp()) count(now ? 'stood still' : 'went on')
      still = now
      const calls = world.cloud.calls().update ?? 0
      if (calls > updates) count('servers follow their class')
      updates = calls
    },
  }
}

interface Parts {
  readonly world: World
  readonly count: (outcome: Outcome) => void
}
type Watcher = (before: KubernetesObject | undefined, after: KubernetesObject | undefined) => void

function follow(client: World['control'], watchers: Readonly<Record<string, Watcher>>): void {
  client.onChange(({ target, before, after }) => watchers[target]?.(before, after))
}

function machineWatchers({ world, count }: Parts): Readonly<Record<string, Watcher>> {
  return {
    [machines.plural]: (from, to) => {
      const [before, after] = [from as Machine | undefined, to as Machine | undefined]
      if (before === undefined || after === undefined) return
      const [was, is] = [phaseOf(before), phaseOf(after)]
      if (was === 'InPlaceUpdateSuccessful' && is === 'Running') count('updated in place')
      if (was !== is && is === 'InPlaceUpdateFailed') count('update in place failed')
      const [left, came] = [controllerOf(before)?.uid, controllerOf(after)?.uid]
      if (left !== undefined && came !== undefined && left !== came) count('moved to the new set')
      countPreservation(before, after, { world, count })
      if (before.spec?.providerID === undefined && after.spec?.providerID !== undefined && isFallback(world, after))
        count('made of a fallback class')
      if (was === 'Failed' || is !== 'Failed') return
      const group = world.control
        .peek(machines)
        .filter(({ metadata }) => metadata.labels?.name === after.metadata.labels?.name)
      if (group.filter((machine) => phaseOf(machine) === 'Failed').length > 1) count('several given up at a time')
    },
  }
}

function countPreservation(before: Machine, after: Machine, { world, count }: Parts): void {
  const [was, is] = [preservedUntil(before), preservedUntil(after)]
  if (was === undefined && is !== undefined)
    count(preserveValueOf(after) === 'auto-preserved' ? 'preserved by itself' : 'preserved by a user')
  if (was !== undefined && is === undefined && world.clock.now() >= was) count('preservation over')
  if (was !== undefined && phaseOf(before) === 'Failed' && phaseOf(after) === 'Running')
    count('recovered while preserved')
}

function isFallback({ control }: World, machine: Machine): boolean {
  const set = control.peek(machineSets).find(({ metadata }) => metadata.uid === controllerOf(machine)?.uid)
  return set !== undefined && set.spec?.template?.spec?.class?.name !== machine.spec?.class?.name
}

function setWatchers({ count }: Parts): Readonly<Record<string, Watcher>> {
  return {
    [machineSets.plural]: (before, after) => {
      const was = before !== undefined && hasFreezeLabel(before as MachineSet)
      const is = after !== undefined && hasFreezeLabel(after as MachineSet)
      if (was !== is && after !== undefined) count(is ? 'set frozen' : 'set thawed')
    },
  }
}

function nodeWatchers({ count }: Parts): Readonly<Record<string, Watcher>> {
  const readiness = (node: KubernetesObject | undefined) =>
    (node as Node | undefined)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  return {
    [nodes.plural]: (before, after) => {
      if (readiness(before) === 'True' && readiness(after) === 'Unknown') count('node lost')
    },
    [leases.plural]: (before, after) => {
      if (before !== undefined && after !== undefined) count('lease renewed')
    },
  }
}

function volumeWatchers({ world, count }: Parts): Readonly<Record<string, Watcher>> {
  const places = new Map<string, string>()
  const asked = new Map<string, number>()
  return {
    [volumeAttachments.plural]: (from, to) => {
      const [before, after] = [from as VolumeAttachment | undefined, to as VolumeAttachment | undefined]
      if (after?.status?.attached !== true || before?.status?.attached === true) return
      const { nodeName, source } = after.spec
      const volume = source.persistentVolumeName ?? ''
      const place = places.get(volume)
      if (place !== undefined && place !== nodeName) count('volume moved')
      places.set(volume, nodeName)
    },
    [pods.plural]: (from, to) => {
      const [before, after] = [from as Pod | undefined, to as Pod | undefined]
      if (before?.metadata.deletionTimestamp !== undefined || after?.metadata.deletionTimestamp === undefined) return
      const owner = controllerOf(after)?.uid
      const { nodeName = '' } = after.spec ?? {}
      const closed = world.target.peek(nodes).find(({ metadata }) => metadata.name === nodeName)?.spec?.unschedulable
      if (owner === undefined || closed !== true) return
      const key = `${owner} ${nodeName}`
      const last = asked.get(key)
      if (last !== undefined && world.clock.now() - last > 1000) count('volumes in turn')
      asked.set(key, world.clock.now())
    },
  }
}
