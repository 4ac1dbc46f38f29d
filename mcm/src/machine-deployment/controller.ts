import type { Machine } from '@trellis/api/machine/machine'
import {
  type MachineDeployment,
  type MachineDeploymentStatus,
  machineDeployments,
} from '@trellis/api/machine/machine-deployment'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import { flockMilliseconds, onlyStatusChanged } from '../common/flock.ts'
import { controllerOf } from '../common/ownership.ts'
import { flawOf, resolveClass } from '../machine-class/resolve.ts'
import { minReadyMilliseconds, nextAvailability } from '../machine-set/availability.ts'
import { applyAll } from './apply.ts'
import type { MachineDeploymentContext } from './context.ts'
import { decideMachineDeployment } from './decide.ts'
import { createNodeMarker, type NodeMarker } from './node-marker.ts'
import { createSetsElsewhere, type SetsElsewhere } from './sets-elsewhere.ts'
import { type DeploymentTrouble, progressDeadline } from './status.ts'
import { createTroubleTeller, type TroubleTeller } from './tell-trouble.ts'
import { findUnseen } from './unseen.ts'

/** The part of the machine deployment controller that works on one deployment; its key is the deployment's name. */
export interface MachineDeploymentReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts deployments into the queue whenever something changes that concerns them. Returns how to stop. */
  follow(controller: Controller): () => void
}

/** Makes the reconciler. */
export function createMachineDeploymentReconciler(context: MachineDeploymentContext): MachineDeploymentReconciler {
  const passing = {
    context,
    marker: createNodeMarker(context),
    troubles: createTroubleTeller(context.events),
    elsewhere: context.setsElsewhere ? createSetsElsewhere(context) : undefined,
  }
  return {
    reconcile: (name) => reconcile(passing, name),
    follow: (controller) => {
      const stop = followChanges(context, controller)
      const stopForgetting = context.sets.onChange(({ before, after }) => {
        if (after === undefined) passing.elsewhere?.forget(before?.metadata.uid ?? '')
      })
      return () => {
        stop()
        stopForgetting()
      }
    },
  }
}

/** What passes share. */
interface Passing {
  readonly context: MachineDeploymentContext
  readonly marker: NodeMarker
  readonly troubles: TroubleTeller
  /** Absent where this process works on sets too, and so knows what is coming of them. */
  readonly elsewhere: SetsElsewhere | undefined
}

async function reconcile({ context, marker, troubles, elsewhere }: Passing, name: string): Promise<Outcome> {
  const { namespace, deploymentReader, setReader, clock } = context
  const deployment = deploymentReader.get({ namespace, name })
  if (deployment === undefined) {
    marker.forget(name)
    troubles.forget(name)
    return done
  }
  const machinesOf = rememberedMachines(context)
  // Machines that change sets are counted once the informer shows them where they are, as it does to their sets.
  if (isMoving(context, deployment, machinesOf)) return again(flockMilliseconds(0))
  const setsNow = () => setReader.freshen(context.sets.list(namespace))
  const isOwn = (set: MachineSet) => controllerOf(set)?.uid === deployment.metadata.uid
  const unknownFor = await elsewhere?.look(setsNow().filter(isOwn))
  const decision = decideMachineDeployment(
    {
      deployment,
      sets: setsNow(),
      machinesOf,
      coming: elsewhere?.coming ?? context.coming,
      hasTarget: context.target !== undefined,
      unseen: await findUnseen(context, deployment),
      classTrouble: classTrouble(context, deployment),
      nodes: marker.observe(),
    },
    clock.now(),
  )
  await applyAll(context, deployment, decision.actions)
  if (decision.status !== undefined) {
    troubles.tell(deployment, decision.status)
    await writeStatus(context, deployment, decision.status)
  }
  const marked = await marker.apply(name, decision.nodeMarks)
  return nextLook(context, deployment, decision.machines, [marked, unknownFor])
}

type MachinesOf = (set: MachineSet) => readonly Machine[]

function rememberedMachines({ machines, machineReader }: MachineDeploymentContext): MachinesOf {
  const known = new Map<string, readonly Machine[]>()
  return ({ metadata: { uid = '' } }) => {
    const own = known.get(uid) ?? machineReader.freshen(machines.byIndex('owner', uid))
    known.set(uid, own)
    return own
  }
}

/** Whether this process gave machines of one of its sets to another, and the informer has not seen it yet. */
function isMoving(
  { sets, machines }: MachineDeploymentContext,
  { metadata }: MachineDeployment,
  machinesOf: MachinesOf,
): boolean {
  return sets.byIndex('owner', metadata.uid ?? '').some((set) => {
    const { uid = '' } = set.metadata
    const shown = machines.byIndex('owner', uid)
    // Only what this process wrote can differ from what is shown.
    return machinesOf(set).some(
      (machine, index) => machine !== shown[index] && (controllerOf(machine)?.uid ?? uid) !== uid,
    )
  })
}

/** Comes back for the nearest of its deadlines. */
function nextLook(
  { clock, namespace, deploymentReader }: MachineDeploymentContext,
  before: MachineDeployment,
  machines: readonly Machine[],
  comeBackAfter: readonly (number | undefined)[],
): Outcome {
  const now = clock.now()
  const { name } = before.metadata
  const deployment = deploymentReader.get({ namespace, name }) ?? before
  const deadline = progressDeadline(deployment)
  const available = nextAvailability(machines, minReadyMilliseconds(deployment), now)
  const instants = [
    deadline === undefined || deadline < now ? undefined : deadline + 1,
    available,
    ...comeBackAfter.map((milliseconds) => (milliseconds === undefined ? undefined : now + milliseconds)),
  ].filter((instant) => instant !== undefined)
  return instants.length === 0 ? done : again(Math.min(...instants) - now)
}

function classTrouble(context: MachineDeploymentContext, deployment: MachineDeployment): DeploymentTrouble | undefined {
  const resolved = resolveClass(deployment.spec?.template.spec?.class, context.classes)
  const trouble = resolved.ok ? flawOf(resolved.value) : resolved.reason
  if (trouble === undefined || trouble.kind === 'unprotected') return undefined
  const reason = trouble.kind === 'missing' ? 'MachineClassMissing' : 'MachineClassInvalid'
  return { reason, message: `${trouble.description}; no machine can be made` }
}

async function writeStatus(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  status: MachineDeploymentStatus,
): Promise<void> {
  const { namespace, deploymentReader, control } = context
  // What this pass wrote to the deployment before gave it another version.
  const latest = deploymentReader.get({ namespace, name: deployment.metadata.name }) ?? deployment
  deploymentReader.remember(await control.replaceStatus(machineDeployments, { ...latest, status }))
}

function followChanges(context: MachineDeploymentContext, controller: Controller): () => void {
  const { deployments, sets, machines, namespace, target } = context
  const wakeAll = () => {
    for (const { metadata } of deployments.list(namespace)) controller.enqueue(metadata.name)
  }
  const wakeOwner = (set: MachineSet | undefined) => {
    const owner = set === undefined ? undefined : controllerOf(set)
    const count = machines.countByIndex('owner', set?.metadata.uid ?? '')
    if (owner !== undefined) controller.enqueueAfter(owner.name, flockMilliseconds(count))
    else if (set !== undefined) wakeAll()
  }
  const machinesOf = (deployment: MachineDeployment | undefined) =>
    sets
      .byIndex('owner', deployment?.metadata.uid ?? '')
      .reduce((sum, { metadata }) => sum + machines.countByIndex('owner', metadata.uid ?? ''), 0)
  // Marks that a rollout left behind while nobody looked are found once the nodes are known.
  target?.nodes.synced().then(wakeAll, () => {})
  const stops = [
    deployments.onChange((change) => {
      // What this controller said itself gives it nothing to do at once.
      if (onlyStatusChanged(change))
        controller.enqueueAfter(change.key.name, flockMilliseconds(machinesOf(change.after)))
      else controller.enqueue(change.key.name)
    }),
    sets.onChange(({ before, after }) => wakeOwner(after ?? before)),
    machines.onChange(({ before, after }) => {
      const machine = after ?? before
      const owner = machine === undefined ? undefined : controllerOf(machine)
      if (owner !== undefined) wakeOwner(sets.get({ namespace, name: owner.name }))
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Index functions that the machine set informer must have. */
export const setOwnerIndex = {
  owner: (set: MachineSet) => [controllerOf(set)?.uid ?? ''],
}
