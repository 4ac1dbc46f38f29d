import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineLabels } from '@trellis/api/machine/well-known'
import { controllerOf } from '../../src/common/ownership.ts'
import { isLeaving, phaseOf } from '../../src/machine/phase.ts'
import { boundsOf, wantedReplicas } from '../../src/machine-deployment/bounds.ts'
import { Breach, type Invariant } from './breach.ts'
import { staleMilliseconds } from './recent.ts'
import type { World } from './world.ts'

/** What bounds one deployment. */
interface Ledger {
  readonly limits: { readonly at: number; readonly limit: number }[]
}

/** What the sets of a deployment were told to have in all. */
interface Granted {
  readonly at: number
  readonly sum: number
  readonly before: number
}

/** A machine that moves to another set is taken from the number of the one before it is added to that of the other. */
const moveMilliseconds = 5000

/**
 * Never more servers than replicas + maxSurge. Precisely: whenever a machine is made, the machines of its deployment, those included that are still
 * going, number at most replicas + maxSurge (the largest of the last two minutes in which the controllers could see, since
 * nobody can know sooner), not counting machines that go
 * because they failed, because a user deleted them or their Node, or because the deployment shrank: their successors do not wait for their end.
 * Machines that users made are theirs.
 * What sets were told to have while it was within the bounds they may go on having after a user narrowed these: a failed machine is replaced, also beside machines that were let go before.
 * Each machine has at most one server, and no server is made for a machine that does not exist.
 */
export function noSurplus(
  world: World,
): Invariant & { userDeletes(uidOrNode: string): void; userMakes(name: string): void } {
  const { clock, control, cloud } = world
  const ledgers = new Map<string, Ledger>()
  const granted = new Map<string, Granted>()
  const excused = new Set<string>()
  /** The limit that a machine was let go under. */
  const leftUnder = new Map<string, number>()
  const byUser = new Set<string>()
  const madeByUser = new Set<string>()
  let broken: Breach | undefined
  /** When the controllers could last not know anything, and until when. */
  let blind: { readonly since: number; until: number } | undefined
  const look = () => {
    const now = clock.now()
    const isBlind = !world.isUp() || world.faults.outages.control
    if (blind !== undefined && now - blind.until > staleMilliseconds) blind = undefined
    if (!isBlind) return
    blind ??= { since: now, until: now }
    blind.until = now
  }
  const record = (deployment: MachineDeployment | undefined, name: string) => {
    const ledger = ledgers.get(name) ?? { limits: [] }
    ledgers.set(name, ledger)
    const limit = deployment === undefined ? 0 : wantedReplicas(deployment) + boundsOf(deployment).maxSurge
    if (ledger.limits.at(-1)?.limit !== limit) ledger.limits.push({ at: clock.now(), limit })
  }
  const recentLimits = (name: string) => {
    const limits = ledgers.get(name)?.limits ?? []
    const since = Math.min(clock.now(), blind?.since ?? clock.now()) - staleMilliseconds
    const current = limits.findLastIndex(({ at }) => at <= since)
    return limits.slice(Math.max(0, current)).map(({ limit }) => limit)
  }
  const limitOf = (name: string) => Math.max(0, ...recentLimits(name))
  const grant = (name: string) => {
    const sets = control.peek(machineSets).filter((set) => controllerOf(set)?.name === name)
    const sum = sets.reduce((wanted, set) => wanted + (set.spec?.replicas ?? 0), 0)
    if (sum === granted.get(name)?.sum || sum > Math.max(grantedTo(name), limitOf(name))) return
    granted.set(name, { at: clock.now(), sum, before: grantedTo(name) })
  }
  const grantedTo = (name: string) => {
    const { at, sum, before } = granted.get(name) ?? { at: 0, sum: 0, before: 0 }
    return clock.now() - at <= moveMilliseconds ? Math.max(sum, before) : sum
  }
  const shrankLately = (name: string) => recentLimits(name).some((limit) => limit < limitOf(name))
  const onMachine = (before: Machine | undefined, after: Machine | undefined) => {
    const machine = after ?? before
    const name = machine?.metadata.labels?.[machineLabels.deploymentName]
    const { uid = '' } = machine?.metadata ?? {}
    if (machine === undefined || name === undefined) return
    if (after !== undefined && isLeaving(after) && (before === undefined || !isLeaving(before))) {
      if (phaseOf(after) === 'Failed' || byUser.has(uid) || byUser.has(machine.metadata.name) || shrankLately(name))
        excused.add(uid)
      leftUnder.set(uid, limitOf(name))
    }
    if (before !== undefined || after === undefined) return
    if (madeByUser.has(machine.metadata.name)) {
      excused.add(uid)
      return
    }
    const siblings = control.peek(machines).filter(({ metadata }) => metadata.labels?.name === name)
    const counted = siblings.filter(
      ({ metadata: { uid: sibling = '' } }) => !excused.has(sibling) && (leftUnder.get(sibling) ?? 0) <= limitOf(name),
    )
    if (counted.length <= Math.max(limitOf(name), grantedTo(name))) return
    const list = counted.map((one) => `${one.metadata.name} (${isLeaving(one) ? 'leaving ' : ''}${phaseOf(one)})`)
    broken ??= new Breach('no surplus', `${name} may have ${limitOf(name)} machines and has ${list.join(', ')}`)
  }
  control.onChange(({ target, before, after }) => {
    if (target === machineDeployments.plural) {
      const name = (after ?? before)?.metadata.name ?? ''
      record(after as MachineDeployment | undefined, name)
    }
    if (target === machineSets.plural) {
      const owner = controllerOf((after ?? before) as MachineSet)?.name
      if (owner !== undefined) grant(owner)
    }
    if (target === machines.plural) onMachine(before as Machine | undefined, after as Machine | undefined)
  })
  return {
    userDeletes: (uidOrNode) => void byUser.add(uidOrNode),
    userMakes: (name) => void madeByUser.add(name),
    check: () => {
      look()
      if (broken !== undefined) throw broken
      const names = cloud.servers().filter(({ state }) => state !== 'deleting')
      const twice = names.find(({ machineName }, index) =>
        names.some((other, rank) => rank < index && other.machineName === machineName),
      )
      if (twice !== undefined) throw new Breach('no surplus', `${twice.machineName} has two servers`)
    },
  }
}
