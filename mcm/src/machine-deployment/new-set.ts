import { machineApiVersion } from '@trellis/api/machine/common'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import type { MachineSet, MachineSetSpec } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineFinalizers, machineLabels } from '@trellis/api/machine/well-known'
import { controllerReference } from '../common/ownership.ts'
import { replacement, sameContent } from '../machine-set/template.ts'
import { boundsOf, wantedReplicas } from './bounds.ts'
import type { SetView } from './sets-view.ts'
import { templateHash } from './template-hash.ts'

/** Annotations of a deployment that its sets do not get. */
const ownAnnotations: readonly string[] = [
  'kubectl.kubernetes.io/last-applied-configuration',
  machineAnnotations.revision,
  machineAnnotations.revisionHistory,
  machineAnnotations.desiredReplicas,
  machineAnnotations.maxReplicas,
  machineAnnotations.preferNoSchedule,
  machineAnnotations.unfreeze,
  machineAnnotations.triggerDeletion,
]

const longestPrefix = 52

/** The set of a deployment's present template, with that many machines. */
export function newSetOf(deployment: MachineDeployment, old: readonly SetView[], replicas: number): MachineSet {
  const { name, namespace } = deployment.metadata
  const { template, selector, minReadySeconds, autoPreserveFailedMachineMax } = deployment.spec ?? { template: {} }
  const hash = templateHash(template, deployment.status?.collisionCount)
  const labels = { ...template.metadata?.labels, [machineLabels.templateHash]: hash }
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineSet',
    metadata: {
      name: `${name.slice(0, longestPrefix)}-${hash.slice(0, 5)}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: {
        ...inherited(deployment),
        ...replicaAnnotations(deployment),
        [machineAnnotations.revision]: String(nextRevision(old)),
      },
      finalizers: [machineFinalizers.object],
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [machineLabels.templateHash]: hash } },
      template: { metadata: { ...template.metadata, labels }, spec: { ...template.spec } },
      ...(template.spec?.class === undefined ? {} : { machineClass: template.spec.class }),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      ...(autoPreserveFailedMachineMax === undefined ? {} : { autoPreserveFailedMachineMax }),
    },
  }
}

/** The patch that brings the newest set up to its deployment in all that needs no new machines; undefined when it is. */
export function newestPatch(
  deployment: MachineDeployment,
  newest: SetView,
  old: readonly SetView[],
): object | undefined {
  const { set } = newest
  const wanted = newSetOf(deployment, old, newest.wanted)
  const revision = Math.max(revisionOf(set), nextRevision(old))
  const wantedAnnotations = {
    ...inherited(deployment),
    ...replicaAnnotations(deployment),
    [machineAnnotations.revision]: String(revision),
    ...historyAnnotation(set, revision),
  }
  const present = set.metadata.annotations ?? {}
  const annotations = Object.fromEntries(
    Object.entries(wantedAnnotations).filter(([key, value]) => present[key] !== value),
  )
  const gone = inheritable.filter((key) => key in present && !(key in wantedAnnotations))
  for (const key of gone) Object.assign(annotations, { [key]: null })
  const spec = livingSpec(set.spec ?? {}, wanted.spec ?? {})
  // A set of a former template that is wanted again makes machines again, but none in the place of those that were updated in place and belong to another set.
  const disabled = set.metadata.labels?.[machineLabels.scaleUpDisabled] !== undefined
  const shrinks = disabled && newest.present < newest.wanted
  const metadata = {
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(disabled ? { labels: { [machineLabels.scaleUpDisabled]: null } } : {}),
  }
  if (Object.keys(metadata).length === 0 && spec === undefined) return undefined
  return {
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(spec === undefined && !shrinks ? {} : { spec: { ...spec, ...(shrinks ? { replicas: newest.present } : {}) } }),
  }
}

/** Annotations that the newest set loses unless its deployment has them. */
const inheritable: readonly string[] = [
  machineAnnotations.lastReplicaChangeByScalerTime,
  machineAnnotations.effectiveCreationTimeout,
  machineAnnotations.honourMinReadySeconds,
  machineAnnotations.preferNoSchedule,
]

/** Revisions that a set remembers to have been. */
const longestHistory = 20

/** The revisions that a set was before, when it becomes another. */
function historyAnnotation(set: MachineSet, revision: number): Record<string, string> {
  const before = revisionOf(set)
  if (before === 0 || before === revision) return {}
  const history = (set.metadata.annotations?.[machineAnnotations.revisionHistory] ?? '').split(',').filter(Boolean)
  return { [machineAnnotations.revisionHistory]: [...history, before].slice(-longestHistory).join(',') }
}

/** Changes of a set's spec that are carried out in place. The hash label stays what it was when the set was made, perhaps by another controller. */
function livingSpec(present: MachineSetSpec, wanted: MachineSetSpec): object | undefined {
  const part = ({ minReadySeconds, autoPreserveFailedMachineMax, template }: MachineSetSpec) => ({
    minReadySeconds,
    autoPreserveFailedMachineMax,
    template: { spec: template?.spec },
  })
  return sameContent(part(present), part(wanted)) ? undefined : (replacement(part(present), part(wanted)) as object)
}

/** The patch that sets the wanted number of a set's machines, and more annotations with it. */
export function scalePatch(
  deployment: MachineDeployment,
  set: MachineSet,
  replicas: number,
  annotations: Readonly<Record<string, string>> = {},
): object {
  return {
    metadata: {
      resourceVersion: set.metadata.resourceVersion,
      annotations: { ...inheritedByAll(deployment), ...replicaAnnotations(deployment), ...annotations },
    },
    spec: { replicas },
  }
}

/** The revision of a set; 0 when it has none. */
export function revisionOf(set: MachineSet): number {
  return Number(set.metadata.annotations?.[machineAnnotations.revision] ?? 0) || 0
}

/** The number of wanted machines that a set was last scaled by; undefined when it never was. */
export function desiredOf(set: MachineSet): number | undefined {
  const text = set.metadata.annotations?.[machineAnnotations.desiredReplicas]
  return text === undefined ? undefined : Number(text)
}

function nextRevision(old: readonly SetView[]): number {
  return Math.max(0, ...old.map(({ set }) => revisionOf(set))) + 1
}

function inherited(deployment: MachineDeployment): Record<string, string> {
  const entries = Object.entries(deployment.metadata.annotations ?? {})
  return Object.fromEntries(entries.filter(([key]) => !ownAnnotations.includes(key)))
}

/** Old sets must know too when the autoscaler scaled: it is how they find the machines it chose. */
function inheritedByAll({ metadata }: MachineDeployment): Record<string, string> {
  const key = machineAnnotations.lastReplicaChangeByScalerTime
  const value = metadata.annotations?.[key]
  return value === undefined ? {} : { [key]: value }
}

function replicaAnnotations(deployment: MachineDeployment): Record<string, string> {
  const replicas = wantedReplicas(deployment)
  return {
    [machineAnnotations.desiredReplicas]: String(replicas),
    [machineAnnotations.maxReplicas]: String(replicas + boundsOf(deployment).maxSurge),
  }
}
