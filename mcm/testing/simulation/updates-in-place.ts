import { type Node, nodes } from '@trellis/api/core/node'
import { pods } from '@trellis/api/core/pod'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineLabels } from '@trellis/api/machine/well-known'
import { controllerOf } from '../../src/common/ownership.ts'
import { forcingLabel } from '../../src/drain/force.ts'
import { mustLeave } from '../../src/drain/pods.ts'
import { nodeUpdateOf } from '../../src/machine/in-place-node.ts'
import { isUpdatePhase } from '../../src/machine/in-place-update.ts'
import { phaseOf } from '../../src/machine/phase.ts'
import { boundsOf, wantedReplicas } from '../../src/machine-deployment/bounds.ts'
import { Breach, type Invariant } from './breach.ts'
import { deadNodeMilliseconds } from './endings.ts'
import { createRecent } from './recent.ts'
import { limits, type World } from './world.ts'

/**
 * Promises of updates in place. *Kept servers*: a machine that is updated in place, and comes to another set by that, keeps its server and takes the class of the set that it comes to.
 * *Few at a time*: when the controllers choose a node, no more nodes of its deployment are chosen than may be unavailable, beyond the machines that it has
 * over what is wanted, both as they could be known (see {@link createRecent}). What people choose is theirs. *No skipped drains*: a node is not given to
 * whoever updates it while pods are on it that must leave, unless the drain was forced by its rules.
 */
export function updatesInPlace(world: World): Invariant & { userChooses(nodeName: string): void } {
  const { control, target } = world
  const chosenByUsers = new Set<string>()
  const drainedSince = new Map<string, number>()
  const wanted = createRecent<number>(world)
  const unavailable = createRecent<number>(world)
  const owners = createRecent<string | undefined>(world)
  const everMade = new Set<string>()
  let broken: Breach | undefined
  const membersOf = (deployment: string) =>
    new Set([...everMade].filter((name) => owners.of(name).includes(deployment)))
  control.onChange(({ target: kind, before, after }) => {
    if (kind === machineDeployments.plural && after !== undefined) {
      const deployment = after as MachineDeployment
      wanted.set(after.metadata.name, wantedReplicas(deployment))
      unavailable.set(after.metadata.name, boundsOf(deployment).maxUnavailable)
    }
    if (kind !== machines.plural) return
    const { name, labels } = (after ?? before)?.metadata ?? { name: '' }
    everMade.add(name)
    owners.set(name, after === undefined ? undefined : labels?.[machineLabels.deploymentName])
    if (before !== undefined && after !== undefined) broken ??= loss(world, before as Machine, after as Machine)
  })
  target.onChange(({ target: kind, before, after }) => {
    if (kind !== nodes.plural || before === undefined || after === undefined) return
    const [was, is] = [nodeUpdateOf(before as Node), nodeUpdateOf(after as Node)]
    const { name: nodeName } = after.metadata
    if (was.reason !== is.reason && is.reason === 'SelectedForUpdate') drainedSince.set(nodeName, world.clock.now())
    if (was.reason !== is.reason && is.reason === 'ReadyForUpdate')
      broken ??= skippedDrain(world, after as Node, drainedSince.get(nodeName) ?? world.clock.now())
    if (was.selected || !is.selected || chosenByUsers.has(nodeName)) return
    const deployment = owners.of(nodeName).findLast((name) => name !== undefined)
    if (deployment === undefined) return
    const members = membersOf(deployment)
    const updating = target
      .peek(nodes)
      .filter((node) => members.has(node.metadata.name) && nodeUpdateOf(node).selected)
      .map(({ metadata }) => metadata.name)
    const surplus = Math.max(0, members.size - Math.min(...wanted.of(deployment)))
    const allowed = Math.max(...unavailable.of(deployment)) + surplus
    if (updating.length > allowed)
      broken ??= new Breach('few at a time', `${deployment} may lack ${allowed} machines and updates ${updating}`)
  })
  return {
    userChooses: (nodeName) => void chosenByUsers.add(nodeName),
    check: () => {
      if (broken !== undefined) throw broken
    },
  }
}

function loss({ control }: World, before: Machine, after: Machine): Breach | undefined {
  const [from, to] = [controllerOf(before)?.name, controllerOf(after)?.name]
  const moves = from !== undefined && to !== undefined && from !== to
  if (!moves && !(isUpdatePhase(phaseOf(before)) && isUpdatePhase(phaseOf(after)))) return undefined
  const { name } = after.metadata
  if (before.spec?.providerID !== after.spec?.providerID)
    return new Breach('kept servers', `${name} went from ${before.spec?.providerID} to ${after.spec?.providerID}`)
  if (!moves) return undefined
  const set = control.peek(machineSets).find(({ metadata }) => metadata.name === to)
  const wanted = set?.spec?.template?.spec?.class?.name
  const has = after.spec?.class?.name
  return set === undefined || wanted === has
    ? undefined
    : new Breach('kept servers', `${name} came to ${to} with class ${has}, not ${wanted}`)
}

function skippedDrain({ control, target, clock }: World, node: Node, since: number): Breach | undefined {
  const { name } = node.metadata
  const machine = control.peek(machines).find(({ metadata }) => metadata.name === name)
  if (machine === undefined || forcingLabel({ machine, purpose: 'update' }) !== undefined) return undefined
  const left = target.peek(pods).filter((pod) => pod.spec?.nodeName === name && mustLeave(pod))
  if (left.length === 0) return undefined
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  const dead =
    ready?.status !== 'True' && clock.now() - Date.parse(ready?.lastTransitionTime ?? '') > deadNodeMilliseconds
  // The instant is written in whole seconds.
  if (dead || clock.now() - since >= limits.drainTimeoutMilliseconds - 1000) return undefined
  const names = left.map(({ metadata }) => metadata.name).join(', ')
  return new Breach('no skipped drains', `${name} is given to be updated under ${names}`)
}
