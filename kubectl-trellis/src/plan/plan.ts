import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineClass, machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { keyOf } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import { controllerOf } from '@trellis/mcm/common/ownership'
import { connect } from '../cluster.ts'
import type { CommandOptions, CommandPorts } from '../command.ts'
import { type Blocker, findBlockers } from './budgets.ts'
import { type ClassChanges, classChanges } from './changes.ts'
import { type DeploymentPlan, planDeployment } from './decide.ts'
import { dryRun } from './dry-run.ts'
import { renderPlan } from './render.ts'

/** A changed class and the machines that have it. */
export interface ClassPlan extends ClassChanges {
  readonly class: string
  readonly namespace: string
  /** Machines made from it; they keep their servers. */
  readonly machines: number
}

/** What applying a file would do, as `-o json` prints it. */
export interface Plan {
  readonly deployments: readonly (DeploymentPlan & {
    /** Undefined when no target cluster was named. */
    readonly blockers: readonly Blocker[] | undefined
  })[]
  readonly classes: readonly ClassPlan[]
}

const noChanges: ClassChanges = { changes: [], live: [] }

/** Prints what applying a file would do to machines; changes nothing. */
export async function planFile(options: CommandOptions, ports: CommandPorts): Promise<number> {
  const { clock, environment, print } = ports
  const { client } = await connect(clock, options, environment)
  using _control = client
  const { deployments, classes } = await dryRun(options, ports)
  if (deployments.length + classes.length === 0) {
    throw new Failure('Invalid', 'has neither a MachineDeployment nor a MachineClass', { field: '--filename' })
  }
  const named = options.targetKubeconfig
  const target = named === undefined ? undefined : await connect(clock, { kubeconfig: named }, environment)
  using _target = target?.client
  const plan: Plan = {
    deployments: await Promise.all(
      deployments.map((after) => planOne(client, { after, classes, target: target?.client, now: clock.now() })),
    ),
    classes: await Promise.all(classes.map((after) => planClass(client, after))),
  }
  print(options.output === 'json' ? `${JSON.stringify(plan, undefined, 2)}\n` : renderPlan(plan))
  return 0
}

interface One {
  readonly after: MachineDeployment
  readonly classes: readonly MachineClass[]
  readonly target: Client | undefined
  readonly now: number
}

async function planOne(client: Client, { after, classes, target, now }: One): Promise<Plan['deployments'][number]> {
  const { namespace } = after.metadata
  const className = after.spec?.template.spec?.class?.name ?? ''
  const [before, sets, all, known] = await Promise.all([
    client.find(machineDeployments, keyOf(after)),
    client.list(machineSets, { namespace }),
    client.list(machines, { namespace }),
    className === '' ? undefined : client.find(machineClasses, { ...keyOf(after), name: className }),
  ])
  const hasClass = known !== undefined || classes.some(({ metadata }) => metadata.name === className)
  const own = ownedBy(before, sets.items)
  const ownMachines = own.flatMap((set) => ownedBy(set, all.items))
  const plan = planDeployment({ before, after, sets: own, machines: ownMachines, hasClass }, now)
  const leavers = plan.machines.filter(({ fate }) => fate !== 'keep' && fate !== 'update')
  return { ...plan, blockers: target === undefined ? undefined : await findBlockers(target, leavers) }
}

function ownedBy<Kind extends MachineSet | Machine>(
  owner: MachineDeployment | MachineSet | undefined,
  objects: readonly Kind[],
): readonly Kind[] {
  const uid = owner?.metadata.uid
  return uid === undefined ? [] : objects.filter((object) => controllerOf(object)?.uid === uid)
}

async function planClass(client: Client, after: MachineClass): Promise<ClassPlan> {
  const { name, namespace = '' } = after.metadata
  const [before, all] = await Promise.all([
    client.find(machineClasses, keyOf(after)),
    client.list(machines, { namespace }),
  ])
  const own = all.items.filter(({ spec }) => spec?.class?.name === name)
  const changes = before === undefined ? noChanges : classChanges(before, after, own)
  return { class: name, namespace, ...changes, machines: own.length }
}
