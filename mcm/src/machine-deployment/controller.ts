import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import {
  type MachineDeployment,
  type MachineDeploymentStatus,
  machineDeployments,
} from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineEventReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import { describe, isFailure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import { again, type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import type { FreshReader } from '../common/freshness.ts'
import { controllerOf, controllerReference } from '../common/ownership.ts'
import { type ClassLookup, resolveClass } from '../machine-class/resolve.ts'
import { decideMachineDeployment, type MachineDeploymentAction } from './decide.ts'
import { type DeploymentTrouble, progressDeadline } from './status.ts'
import { sameTemplate } from './template-hash.ts'

/** All that the machine deployment controller works with. */
export interface MachineDeploymentContext {
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly control: Client
  readonly deployments: Informer<MachineDeployment>
  readonly deploymentReader: FreshReader<MachineDeployment>
  readonly sets: Informer<MachineSet>
  readonly setReader: FreshReader<MachineSet>
  readonly machines: Informer<Machine>
  readonly machineReader: FreshReader<Machine>
  readonly classes: ClassLookup
  readonly events: Events
}

/** The part of the machine deployment controller that works on one deployment; its key is the deployment's name. */
export interface MachineDeploymentReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts deployments into the queue whenever something changes that concerns them. Returns how to stop. */
  follow(controller: Controller): () => void
}

const flockMilliseconds = 100

/** Makes the reconciler. */
export function createMachineDeploymentReconciler(context: MachineDeploymentContext): MachineDeploymentReconciler {
  return {
    reconcile: (name) => reconcile(context, name),
    follow: (controller) => followChanges(context, controller),
  }
}

async function reconcile(context: MachineDeploymentContext, name: string): Promise<Outcome> {
  const { namespace, deploymentReader, setReader, machineReader, clock } = context
  const deployment = deploymentReader.get({ namespace, name })
  if (deployment === undefined) return done
  const decision = decideMachineDeployment(
    {
      deployment,
      sets: setReader.freshen(context.sets.list(namespace)),
      machinesOf: (set) => machineReader.freshen(context.machines.byIndex('owner', set.metadata.uid ?? '')),
      classTrouble: classTrouble(context, deployment),
    },
    clock.now(),
  )
  for (const action of decision.actions) await apply(context, deployment, action)
  if (decision.status !== undefined) await writeStatus(context, deployment, decision.status)
  const deadline = progressDeadline(deploymentReader.get({ namespace, name }) ?? deployment)
  return deadline === undefined || deadline < clock.now() ? done : again(deadline - clock.now() + 1)
}

function classTrouble(context: MachineDeploymentContext, deployment: MachineDeployment): DeploymentTrouble | undefined {
  const resolved = resolveClass(deployment.spec?.template.spec?.class, context.classes)
  if (resolved.ok || resolved.reason.kind === 'unprotected') return undefined
  const reason = resolved.reason.kind === 'missing' ? 'MachineClassMissing' : 'MachineClassInvalid'
  return { reason, message: `${resolved.reason.description}; no machine can be made` }
}

async function writeStatus(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  status: MachineDeploymentStatus,
): Promise<void> {
  const { type } = machineConditionReasons.replicaFailure
  const trouble = findCondition(status.conditions, type)
  const before = findCondition(deployment.status?.conditions, type)
  if (trouble !== undefined && trouble.message !== before?.message) {
    context.events.warn(deployment, trouble.reason ?? type, trouble.message ?? '')
  }
  context.deploymentReader.remember(await context.control.replaceStatus(machineDeployments, { ...deployment, status }))
}

async function apply(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  action: MachineDeploymentAction,
): Promise<void> {
  const { finalizers = [] } = deployment.metadata
  switch (action.kind) {
    case 'add-finalizer':
      return setFinalizers(context, deployment, [...finalizers, machineFinalizers.object])
    case 'remove-finalizer':
      return setFinalizers(
        context,
        deployment,
        finalizers.filter((name) => name !== machineFinalizers.object),
      )
    case 'adopt':
      return setOwners(context, action.set, [
        ...(action.set.metadata.ownerReferences ?? []),
        controllerReference(deployment),
      ])
    case 'release':
      return setOwners(
        context,
        action.set,
        (action.set.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== deployment.metadata.uid),
      )
    case 'create-set':
      return createSet(context, deployment, action.set)
    case 'delete-set':
      return context.control.delete(machineSets, keyOf(action.set), { propagationPolicy: 'Background' })
    case 'update-set':
      return patchSet(context, action.set, action.patch)
    case 'scale-set':
      await patchSet(context, action.set, action.patch)
      if (action.from !== action.to) tellScaling(context, deployment, action)
      return
  }
}

function tellScaling(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  { set, from, to }: { readonly set: MachineSet; readonly from: number; readonly to: number },
): void {
  const direction = to > from ? 'up' : 'down'
  const message = `Scaled ${direction} machine set ${set.metadata.name} to ${to}`
  context.log.info({ deployment: deployment.metadata.name, set: set.metadata.name, from, to }, 'machine set scaled')
  context.events.normal(deployment, machineEventReasons.scalingMachineSet, message)
}

async function patchSet(context: MachineDeploymentContext, set: MachineSet, patch: object): Promise<void> {
  context.setReader.remember(await context.control.patch(machineSets, keyOf(set), patch, { type: 'merge' }))
}

/** Makes the set of a template. The name may be taken: by the very set, which the informer does not show yet, or by another, so that the next name is tried. */
async function createSet(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  wanted: MachineSet,
): Promise<void> {
  const replicas = wanted.spec?.replicas ?? 0
  try {
    const set = await context.control.create(machineSets, wanted)
    tellScaling(context, deployment, { set, from: 0, to: replicas })
  } catch (error) {
    if (!isFailure(error, 'Conflict')) {
      context.events.warn(deployment, machineConditionReasons.progressing.createError, describe(error))
      throw error
    }
    const taken = await context.control.find(machineSets, keyOf(wanted))
    const own = taken !== undefined && controllerOf(taken)?.uid === deployment.metadata.uid
    if (own && sameTemplate(taken.spec?.template, wanted.spec?.template)) return
    if (taken === undefined) throw error
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    const status = { ...deployment.status, collisionCount }
    context.deploymentReader.remember(
      await context.control.replaceStatus(machineDeployments, { ...deployment, status }),
    )
    throw error
  }
}

async function setFinalizers(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  finalizers: readonly string[],
): Promise<void> {
  const patch = { metadata: { resourceVersion: deployment.metadata.resourceVersion, finalizers } }
  context.deploymentReader.remember(
    await context.control.patch(machineDeployments, keyOf(deployment), patch, { type: 'merge' }),
  )
}

async function setOwners(
  context: MachineDeploymentContext,
  set: MachineSet,
  ownerReferences: MachineSet['metadata']['ownerReferences'],
): Promise<void> {
  await patchSet(context, set, { metadata: { resourceVersion: set.metadata.resourceVersion, ownerReferences } })
}

function followChanges(context: MachineDeploymentContext, controller: Controller): () => void {
  const { deployments, sets, machines, namespace } = context
  const wakeOwner = (set: MachineSet | undefined) => {
    const owner = set === undefined ? undefined : controllerOf(set)
    if (owner !== undefined) controller.enqueueAfter(owner.name, flockMilliseconds)
    else if (set !== undefined) for (const one of deployments.list(namespace)) controller.enqueue(one.metadata.name)
  }
  const stops = [
    deployments.onChange(({ key }) => controller.enqueue(key.name)),
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
