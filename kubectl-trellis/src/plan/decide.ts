import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { controllerOf } from '@trellis/mcm/common/ownership'
import { isLeaving, phaseOf } from '@trellis/mcm/machine/phase'
import { boundsOf, wantedReplicas } from '@trellis/mcm/machine-deployment/bounds'
import { decideMachineDeployment, type MachineDeploymentAction } from '@trellis/mcm/machine-deployment/decide'
import { sameTemplate } from '@trellis/mcm/machine-deployment/template-hash'
import { invalidity } from '@trellis/mcm/machine-deployment/validate'
import { deletionOrder } from '@trellis/mcm/machine-set/order'
import { livingPatch } from '@trellis/mcm/machine-set/template'
import { type Change, changesBetween, decisiveChanges } from './changes.ts'

/** What is there and what would be. */
export interface DeploymentChange {
  readonly before: MachineDeployment | undefined
  readonly after: MachineDeployment
  readonly sets: readonly MachineSet[]
  readonly machines: readonly Machine[]
  /** Whether the class exists, or is in the same file. */
  readonly hasClass: boolean
}

/** What would become of one machine. */
export interface MachineFate {
  readonly machine: string
  readonly phase: string
  readonly node: string | undefined
  readonly fate: 'replace' | 'update' | 'updateInPlace' | 'delete' | 'keep'
  /** The fields that cause it. */
  readonly because: readonly string[]
}

/** What would become of one deployment. */
export interface DeploymentPlan {
  readonly deployment: string
  readonly namespace: string
  readonly strategy: string
  readonly problems: readonly string[]
  readonly changes: readonly Change[]
  readonly machines: readonly MachineFate[]
  /** Machines that are made beside those that are replaced. */
  readonly created: number
  readonly bounds: {
    readonly replicas: number
    readonly maxSurge: number
    readonly maxUnavailable: number
    /** Most servers at a time, and fewest available machines, while machines are replaced. */
    readonly mostServers: number
    readonly fewestAvailable: number
    readonly waves: number
  }
  /** What the controller does first, in its own decision. */
  readonly first: readonly string[]
}

/** Plans what the controller would do once the deployment is applied, by the controller's own decisions. */
export function planDeployment(change: DeploymentChange, now: number): DeploymentPlan {
  const { before, after } = change
  const { name, namespace = '' } = after.metadata
  const strategy = after.spec?.strategy?.type ?? 'RollingUpdate'
  const problem = invalidity(after)
  const machines = problem === undefined ? fates(change, strategy) : []
  const present = change.machines.filter((machine) => !isLeaving(machine)).length
  const replaced = machines.filter(({ fate }) => fate === 'replace' || fate === 'updateInPlace').length
  return {
    deployment: name,
    namespace,
    strategy,
    problems: [...(problem === undefined ? [] : [problem.message]), ...notes(change, replaced)],
    changes: before === undefined ? [] : changesBetween(before.spec, after.spec, 'spec'),
    machines,
    created: problem === undefined ? Math.max(0, wantedReplicas(after) - present) : 0,
    bounds: limits(after, strategy, replaced),
    first: problem === undefined ? firstSteps(change, now) : [],
  }
}

function notes({ after, hasClass }: DeploymentChange, replaced: number): readonly string[] {
  const className = after.spec?.template.spec?.class?.name ?? ''
  return [
    ...(hasClass || className === '' ? [] : [`MachineClass ${className} does not exist: new machines wait for it`]),
    ...(after.spec?.paused && replaced > 0 ? ['spec.paused is true: nothing is replaced before it is false'] : []),
  ]
}

function limits(after: MachineDeployment, strategy: string, replaced: number): DeploymentPlan['bounds'] {
  const replicas = wantedReplicas(after)
  const { maxSurge, maxUnavailable } = boundsOf(after)
  const atATime = strategy === 'Recreate' ? Math.max(1, replicas) : Math.max(1, maxSurge + maxUnavailable)
  return {
    replicas,
    maxSurge,
    maxUnavailable,
    mostServers: replicas + maxSurge,
    fewestAvailable: Math.max(0, replicas - maxUnavailable),
    waves: Math.ceil(replaced / atATime),
  }
}

function fates(change: DeploymentChange, strategy: string): readonly MachineFate[] {
  const { after, sets, machines } = change
  const bySet = new Map(sets.map((set) => [set.metadata.uid, set]))
  const staying = machines.filter((machine) => !isLeaving(machine))
  const isOld = (machine: Machine) => {
    const set = bySet.get(controllerOf(machine)?.uid)
    return !sameTemplate(set?.spec?.template, after.spec?.template)
  }
  // Machines of old sets go first; what is too many after that is chosen as the set itself would.
  const surplus = Math.max(0, staying.length - wantedReplicas(after))
  const leavers = [...deletionOrder(staying.filter(isOld)), ...deletionOrder(staying.filter((one) => !isOld(one)))]
  const gone = new Set(leavers.slice(0, surplus))
  return staying.map((machine): MachineFate => {
    const set = bySet.get(controllerOf(machine)?.uid)
    const about = {
      machine: machine.metadata.name,
      phase: phaseOf(machine) || 'Creating',
      node: machine.metadata.labels?.node,
    }
    if (gone.has(machine)) return { ...about, fate: 'delete', because: ['spec.replicas'] }
    if (!isOld(machine)) return { ...about, ...updateOf(after, set, machine) }
    const because = decisiveChanges(set?.spec?.template, after.spec?.template).map(({ field }) => field)
    return { ...about, fate: strategy === 'InPlaceUpdate' ? 'updateInPlace' : 'replace', because }
  })
}

/** What the set would patch into a machine that need not be replaced. */
function updateOf(
  after: MachineDeployment,
  set: MachineSet | undefined,
  machine: Machine,
): Pick<MachineFate, 'fate' | 'because'> {
  if (set === undefined) return { fate: 'keep', because: [] }
  const template = { ...set.spec?.template, spec: { ...after.spec?.template.spec } }
  const patch = livingPatch({ ...set, spec: { ...set.spec, template } }, machine) as { spec?: object } | undefined
  const fields = Object.keys(patch?.spec ?? {}).flatMap((field) =>
    changesBetween(
      Reflect.get(machine.spec ?? {}, field),
      Reflect.get(after.spec?.template.spec ?? {}, field),
      `spec.template.spec.${field}`,
    ),
  )
  return fields.length === 0
    ? { fate: 'keep', because: [] }
    : { fate: 'update', because: fields.map(({ field }) => field) }
}

function firstSteps({ before, after, sets, machines, hasClass }: DeploymentChange, now: number): readonly string[] {
  if (before === undefined) return []
  const machinesOf = (set: MachineSet) => machines.filter((one) => controllerOf(one)?.uid === set.metadata.uid)
  const classTrouble = hasClass ? undefined : { reason: 'ClassMissing', message: 'the class does not exist' }
  const { actions } = decideMachineDeployment({ deployment: after, sets, machinesOf, classTrouble }, now)
  return actions.flatMap(describeAction)
}

function describeAction(action: MachineDeploymentAction): readonly string[] {
  if (!('set' in action)) return []
  const name = `machine set ${action.set.metadata.name}`
  switch (action.kind) {
    case 'create-set':
      return [`make ${name}, wanted machines: ${action.set.spec?.replicas ?? 0}`]
    case 'scale-set':
      return action.from === action.to ? [] : [`change ${name}, wanted machines: ${action.from} → ${action.to}`]
    case 'update-set':
      return [`update ${name} in place`]
    case 'delete-set':
      return [`delete ${name}`]
    default:
      return []
  }
}
