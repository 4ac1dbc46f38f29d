import { type Machine, machines } from '@trellis/api/machine/machine'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { type MachineSet, machineSets } from '@trellis/api/machine/machine-set'
import { machineConditionReasons, machineEventReasons, machineFinalizers } from '@trellis/api/machine/well-known'
import { keyOf } from '@trellis/api/meta'
import { describe, isFailure } from '@trellis/foundation/failure'
import { sameJson } from '../common/equality.ts'
import { settleInTurns } from '../common/in-turns.ts'
import { controllerOf, controllerReference } from '../common/ownership.ts'
import type { MachineDeploymentContext } from './context.ts'
import type { MachineDeploymentAction } from './decide.ts'
import type { MoveAction } from './in-place-moves.ts'
import { creationFailedStatus } from './status.ts'
import { sameTemplate } from './template-hash.ts'

/** Carries the actions of one pass out, in their order; machines are marked all at once, before anything is scaled. */
export async function applyAll(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  actions: readonly MachineDeploymentAction[],
): Promise<void> {
  await inTurns(actions, 'mark', (action) => markMachine(context, action))
  await inTurns(actions, 'move', (action) => moveMachine(context, action))
  for (const action of actions) await apply(context, deployment, action)
}

/** Carries all actions of one kind out side by side; throws what one of them threw once all have ended. */
async function inTurns<Kind extends MachineDeploymentAction['kind']>(
  actions: readonly MachineDeploymentAction[],
  kind: Kind,
  work: (action: Extract<MachineDeploymentAction, { readonly kind: Kind }>) => Promise<void>,
): Promise<void> {
  const chosen = actions.filter(
    (action): action is Extract<MachineDeploymentAction, { readonly kind: Kind }> => action.kind === kind,
  )
  const refused = (await settleInTurns(chosen, work)).find((outcome) => outcome.status === 'rejected')
  if (refused !== undefined) throw refused.reason
}

async function apply(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  action: MachineDeploymentAction,
): Promise<void> {
  const { finalizers = [] } = deployment.metadata
  switch (action.kind) {
    case 'mark':
    case 'move':
      return
    case 'add-finalizer':
      return setFinalizers(context, deployment, [...finalizers, machineFinalizers.object])
    case 'remove-finalizer': {
      const left = finalizers.filter((name) => name !== machineFinalizers.object)
      return setFinalizers(context, deployment, left)
    }
    case 'drop-choices':
      return dropChoices(context, deployment, action.patch)
    case 'rollback':
      await patchDeployment(context, deployment, action.patch)
      context.events[action.event.type](deployment, action.event.reason, action.event.message)
      return
    default:
      return applyToSet(context, deployment, action)
  }
}

type ActionOnSet = Extract<MachineDeploymentAction, { readonly set: MachineSet }>

async function applyToSet(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  action: ActionOnSet,
): Promise<void> {
  const { ownerReferences = [] } = action.set.metadata
  switch (action.kind) {
    case 'adopt':
      return setOwners(context, action.set, [...ownerReferences, controllerReference(deployment)])
    case 'release': {
      const others = ownerReferences.filter(({ uid }) => uid !== deployment.metadata.uid)
      return setOwners(context, action.set, others)
    }
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

async function markMachine(
  { control, machineReader }: MachineDeploymentContext,
  { machine, patch }: { readonly machine: Machine; readonly patch: object },
): Promise<void> {
  try {
    machineReader.remember(await control.patch(machines, keyOf(machine), patch, { type: 'merge' }))
  } catch (error) {
    if (!isFailure(error, 'NotFound')) throw error
  }
}

/** A machine that changed or went meanwhile is looked at again in the pass that its change brings. */
async function moveMachine(
  { control, machineReader, log }: MachineDeploymentContext,
  { machine, to, patch }: MoveAction,
): Promise<void> {
  try {
    machineReader.remember(await control.patch(machines, keyOf(machine), patch, { type: 'merge' }))
    log.info({ machine: machine.metadata.name, set: to }, 'a machine that was updated in place came to its new set')
  } catch (error) {
    if (!isFailure(error, 'NotFound', 'Conflict')) throw error
  }
}

/** A list that grew meanwhile is cut in the pass that its growth brings. */
async function dropChoices(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  patch: object,
): Promise<void> {
  try {
    await patchDeployment(context, deployment, patch)
  } catch (error) {
    if (!isFailure(error, 'Conflict')) throw error
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

async function patchDeployment(
  { control, deploymentReader }: MachineDeploymentContext,
  deployment: MachineDeployment,
  patch: object,
): Promise<void> {
  deploymentReader.remember(await control.patch(machineDeployments, keyOf(deployment), patch, { type: 'merge' }))
}

/** Makes the set of a template. The name may be taken: by the very set, which the informer does not show yet, or by another, so that the next name is tried. */
async function createSet(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  wanted: MachineSet,
): Promise<void> {
  const replicas = wanted.spec?.replicas ?? 0
  const { control, clock, events } = context
  try {
    const set = await control.create(machineSets, wanted)
    tellScaling(context, deployment, { set, from: 0, to: replicas })
  } catch (error) {
    if (!isFailure(error, 'Conflict')) {
      events.warn(deployment, machineConditionReasons.progressing.createError, describe(error))
      await replaceStatus(context, deployment, creationFailedStatus(deployment, describe(error), clock.now()))
      throw error
    }
    const taken = await control.find(machineSets, keyOf(wanted))
    const own = taken !== undefined && controllerOf(taken)?.uid === deployment.metadata.uid
    if (own && sameTemplate(taken.spec?.template, wanted.spec?.template)) return
    if (taken === undefined) throw error
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
    await replaceStatus(context, deployment, { ...deployment.status, collisionCount })
    throw error
  }
}

async function replaceStatus(
  { control, deploymentReader }: MachineDeploymentContext,
  deployment: MachineDeployment,
  status: MachineDeployment['status'],
): Promise<void> {
  if (status === undefined || sameJson(status, deployment.status)) return
  deploymentReader.remember(await control.replaceStatus(machineDeployments, { ...deployment, status }))
}

async function setFinalizers(
  context: MachineDeploymentContext,
  deployment: MachineDeployment,
  finalizers: readonly string[],
): Promise<void> {
  const { resourceVersion } = deployment.metadata
  await patchDeployment(context, deployment, { metadata: { resourceVersion, finalizers } })
}

async function setOwners(
  context: MachineDeploymentContext,
  set: MachineSet,
  ownerReferences: MachineSet['metadata']['ownerReferences'],
): Promise<void> {
  await patchSet(context, set, { metadata: { resourceVersion: set.metadata.resourceVersion, ownerReferences } })
}
