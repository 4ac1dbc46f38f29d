import { type Node, type NodeStatusCondition, nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { volumeAttachments } from '@trellis/api/core/storage'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineLabels } from '@trellis/api/machine/well-known'
import { forceWaitMilliseconds } from '../../src/drain/decide.ts'
import { mustLeave } from '../../src/drain/pods.ts'
import { wasNode } from '../../src/machine/node-view.ts'
import { isLeaving, phaseOf } from '../../src/machine/phase.ts'
import { preservedUntil } from '../../src/machine/preservation.ts'
import { Breach, type Invariant } from './breach.ts'
import { staleMilliseconds } from './recent.ts'
import { limits, type World } from './world.ts'

/** Since when nothing but the controllers themselves keeps them from their work. */
function undisturbedSince({ clock, faults, isUp, startedAt }: World): number {
  if (!isUp() || faults.outages.control || faults.outages.target) return clock.now()
  return Math.max(startedAt(), faults.lastAt())
}

/**
 * What the controllers may take beyond a deadline while nothing disturbs them: a cloud's visibility lag and slowest calls, one more look at what cannot
 * be watched (60 s), the longest pause after earlier failures (2 min, with the jitter of the pause in it).
 */
const slackMilliseconds = 300_000

/** Counts for how long something has been so without pause. */
function createStopwatch(now: () => number) {
  const since = new Map<string, number>()
  return {
    /** Instants since which each of these has been so. */
    follow: (keys: readonly string[]): ReadonlyMap<string, number> => {
      const present = new Set(keys)
      for (const key of since.keys()) if (!present.has(key)) since.delete(key)
      for (const key of keys) if (!since.has(key)) since.set(key, now())
      return since
    },
  }
}

/** Never a server without a machine for longer than one period of the orphan collector and the slack, counted from when the controllers were last disturbed. */
export function noOrphans(world: World): Invariant {
  const stopwatch = createStopwatch(world.clock.now)
  return {
    check: () => {
      const owners = new Set(world.control.peek(machines).map(({ metadata }) => metadata.name))
      const orphans = world.cloud
        .servers()
        .filter(({ machineName, state }) => state !== 'deleting' && !owners.has(machineName))
      const limit = limits.orphanPeriodMilliseconds + slackMilliseconds
      for (const [id, since] of stopwatch.follow(orphans.map(({ id }) => id))) {
        if (world.clock.now() - Math.max(since, undisturbedSince(world)) <= limit) continue
        const name = orphans.find((server) => server.id === id)?.machineName
        throw new Breach(
          'no orphans',
          `the server of ${name} has had no machine for ${seconds(world.clock.now() - since)}`,
        )
      }
    },
  }
}

/**
 * Never a deleted server whose machine survives: a machine that claims to have a server and has none goes, or gets one, within the time after which its
 * Node is called lost, its health or join timeout and a drain, one after another for each machine of its kind, since only one is given up at a time.
 * A machine that was asked to go is gone within its drain timeout, the wait after a forced drain and for volumes, and the slack. One that is preserved stays
 * as long as that lasts.
 */
export function noSurvivors(world: World): Invariant {
  const { clock, control, cloud } = world
  const bare = createStopwatch(clock.now)
  const leaving = createStopwatch(clock.now)
  const { nodeLossMilliseconds, healthTimeoutMilliseconds, creationTimeoutMilliseconds, drainTimeoutMilliseconds } =
    limits
  const departure =
    drainTimeoutMilliseconds + forceWaitMilliseconds + limits.pvDetachTimeoutMilliseconds + slackMilliseconds
  const replacement =
    Math.max(nodeLossMilliseconds + healthTimeoutMilliseconds, creationTimeoutMilliseconds) + departure
  return {
    check: () => {
      const present = control.peek(machines)
      const served = new Set(cloud.servers().map(({ machineName }) => machineName))
      const calm = undisturbedSince(world)
      const bereft = present.filter(
        (machine) =>
          !isLeaving(machine) &&
          claims(machine) &&
          preservedUntil(machine) === undefined &&
          !served.has(machine.metadata.name),
      )
      for (const [name, since] of bare.follow(bereft.map(({ metadata }) => metadata.name))) {
        if (clock.now() - Math.max(since, calm) > replacement * Math.max(1, present.length))
          throw new Breach('no survivors', `${name} has had no server for ${seconds(clock.now() - since)}`)
      }
      for (const [name, since] of leaving.follow(present.filter(isLeaving).map(({ metadata }) => metadata.name))) {
        if (clock.now() - Math.max(since, calm) > departure)
          throw new Breach('no survivors', `${name} has been leaving for ${seconds(clock.now() - since)}`)
      }
    },
  }
}

function claims(machine: Machine): boolean {
  return (
    machine.spec?.providerID !== undefined && ['Running', 'Unknown', 'Pending', 'Failed'].includes(phaseOf(machine))
  )
}

/** A node that has not been ready for this long is drained by force. */
export const deadNodeMilliseconds = 300_000

/**
 * No drain skipped: when the cloud is asked to delete the server of a machine, no pod that must leave is on its node, unless the drain was forced by its
 * rules: by label, by its timeout, because the node, as it could be seen last, had not been ready for five minutes or was deleted by hand,
 * or because the cluster does not answer and the machine was never seen as its node. The server of a machine that nobody asked to go is never deleted once it is a node: before,
 * a machine that takes another class removes what an earlier try may have left.
 * *No torn volumes*: nor, without force, is a volume still attached that its pod needed a moment ago; for longer than the detach timeout none is waited for.
 */
export function noSkippedDrains(world: World): Invariant {
  let broken: Breach | undefined
  const forced = new Set<string>()
  const lastSight = createLastSight(world)
  world.onServerDeletion((machineName) => {
    const server = world.cloud.servers().find((one) => one.machineName === machineName)
    if (broken !== undefined || server === undefined) return
    const machine = world.control.peek(machines).find(({ metadata }) => metadata.name === machineName)
    // A server that the cloud itself does not show yet cannot be known to be a node.
    const isHidden = world.clock.now() - server.createdAt <= world.lagMilliseconds
    if (machine === undefined || (isHidden && machine.metadata.labels?.[machineLabels.node] === undefined)) return
    if (!isLeaving(machine) && wasNode(machine))
      broken = new Breach('no skipped drains', `the server of ${machineName}, which is to stay, is deleted`)
    else if (
      isLeaving(machine) &&
      !forced.has(machineName) &&
      !isUnseen(world, machine) &&
      !wasForced(world, machine, lastSight.of(machineName))
    ) {
      const left = world.target.peek(pods).filter((pod) => pod.spec?.nodeName === machineName && mustLeave(pod))
      const names = left.map(({ metadata }) => metadata.name)
      if (names.length > 0)
        broken = new Breach('no skipped drains', `the server of ${machineName} is deleted under ${names.join(', ')}`)
      broken ??= tornVolume(world, machineName)
    }
  })
  return {
    check: () => {
      lastSight.look()
      // A drain that was forced stays so, whatever becomes of its node.
      for (const machine of world.control.peek(machines)) {
        const { name } = machine.metadata
        if (isLeaving(machine) && wasForced(world, machine, lastSight.of(name))) forced.add(name)
      }
      if (broken !== undefined) throw broken
    },
  }
}

/** A volume that is still attached although its pod left the node more recently than detaching may take. Who needs a volume is looked at every few seconds. */
function tornVolume({ target, clock, workloads }: World, machineName: string): Breach | undefined {
  const torn = target.peek(volumeAttachments).find((attachment) => {
    const { neededAt, attachedSince } = workloads.disks
    const since = attachedSince(attachment) ?? Number.POSITIVE_INFINITY
    const isHere = attachment.spec.nodeName === machineName && clock.now() - since > staleMilliseconds
    return isHere && clock.now() - (neededAt(attachment) ?? 0) < limits.pvDetachTimeoutMilliseconds - lookMilliseconds
  })
  return torn === undefined
    ? undefined
    : new Breach('no torn volumes', `the server of ${machineName} is deleted with ${torn.metadata.name}`)
}

const lookMilliseconds = 10_000
/** An informer whose server was down asks again after no longer than this. */
const silentMilliseconds = 90_000

/** Nobody ever saw it as a node, and a cluster that does not answer cannot be asked; that it answers again is known when something is heard of it. */
function isUnseen({ clock, faults }: World, { status }: Machine): boolean {
  const isSilent = faults.outages.target || clock.now() - faults.silentUntil.target < silentMilliseconds
  return isSilent && (status?.conditions ?? []).length === 0
}

/** How a Ready condition stood when the controllers could see it last: what changes while its cluster is silent they cannot know. */
function createLastSight({ clock, target, faults }: World) {
  const sights = new Map<string, NodeStatusCondition | undefined>()
  return {
    look: () => {
      if (faults.outages.target || clock.now() < faults.silentUntil.target) return
      sights.clear()
      for (const node of target.peek(nodes)) sights.set(node.metadata.name, readyOf(node))
    },
    of: (nodeName: string) => sights.get(nodeName),
  }
}

function readyOf({ status }: Node): NodeStatusCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')
}

function isDead({ clock }: World, ready: NodeStatusCondition | undefined): boolean {
  if (ready === undefined || ready.status === 'True') return false
  return clock.now() - Date.parse(ready.lastTransitionTime ?? '') > deadNodeMilliseconds
}

function wasForced(world: World, machine: Machine, lastSight: NodeStatusCondition | undefined): boolean {
  const { clock, target } = world
  if (machine.metadata.labels?.[machineLabels.forceDeletion] !== undefined) return true
  const asked = Date.parse(machine.metadata.deletionTimestamp ?? '')
  if (clock.now() - asked >= limits.drainTimeoutMilliseconds) return true
  const node = target.peek(nodes).find(({ metadata }) => metadata.name === machine.metadata.name)
  // Without a Node there is nobody left to stop its pods; whoever deleted it took that upon himself.
  if (node === undefined) return true
  return isDead(world, readyOf(node)) || isDead(world, lastSight)
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1000)} s`
}
