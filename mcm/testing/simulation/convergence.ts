import { findCondition } from '@trellis/api/conditions'
import { configMaps, secrets } from '@trellis/api/core/configuration'
import { type Node, nodes } from '@trellis/api/core/node'
import { joinReportNamePrefix } from '@trellis/api/join-report'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeployment, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { machineSets } from '@trellis/api/machine/machine-set'
import { machineAnnotations, machineLabels, machineTaints } from '@trellis/api/machine/well-known'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { isConcerned } from '../../src/machine/in-place-node.ts'
import { isLeaving, phaseOf } from '../../src/machine/phase.ts'
import { wantedReplicas } from '../../src/machine-deployment/bounds.ts'

/** Everything there is, however it was learnt. */
export interface Census {
  control<Kind extends KubernetesObject>(resource: Resource<Kind>): readonly Kind[]
  target<Kind extends KubernetesObject>(resource: Resource<Kind>): readonly Kind[]
  /** Names of the machines that servers were made for, one for each server. */
  servers(): readonly string[]
  /** Tags of the server that was made for a machine; absent where they are not looked at. */
  tagsOf?(machineName: string): Readonly<Record<string, string>> | undefined
}

/** What is not yet as it will be when all work is done; empty when it is. */
export function unfinished(census: Census): readonly string[] {
  const present = census.control(machines)
  const wanted = census.control(machineDeployments)
  return [
    ...wanted.flatMap((deployment) => deploymentTrouble(deployment, present)),
    ...present.filter((machine) => phaseOf(machine) !== 'Running' || isLeaving(machine)).map(describeMachine),
    ...strangers(census, wanted),
    ...differences('servers', census.servers(), namesOf(present)),
    ...differences(
      'nodes',
      namesOf(census.target(nodes).filter((node) => !isForsaken(node, census))),
      namesOf(present),
    ),
    ...leftovers(census, present),
    ...present.flatMap((machine) => markTrouble(census, machine)),
  ]
}

/** A Node that joined while its cluster did not answer, of a machine that went before it did: nobody can tell any more that it was one of ours. */
function isForsaken({ metadata, status }: Node, census: Census): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  return (
    !ready && !census.servers().includes(metadata.name) && metadata.labels?.[machineLabels.machineName] === undefined
  )
}

function deploymentTrouble(deployment: MachineDeployment, present: readonly Machine[]): readonly string[] {
  const { name, deletionTimestamp, generation } = deployment.metadata
  if (deletionTimestamp !== undefined) return [`deployment ${name} is still being deleted`]
  const replicas = wantedReplicas(deployment)
  const own = present.filter(({ metadata }) => metadata.labels?.name === name)
  const { status = {} } = deployment
  const counts = [own.length, status.replicas, status.updatedReplicas, status.availableReplicas, status.readyReplicas]
  const trouble = findCondition(status.conditions, 'ReplicaFailure')
  return [
    ...(counts.every((count) => (count ?? 0) === replicas)
      ? []
      : [`deployment ${name} wants ${replicas} machines and counts ${counts.join(', ')}`]),
    ...(status.observedGeneration === generation ? [] : [`deployment ${name} was not observed in its last generation`]),
    ...(trouble === undefined ? [] : [`deployment ${name} says ${trouble.message}`]),
  ]
}

function describeMachine(machine: Machine): string {
  const { lastOperation } = machine.status ?? {}
  const going = isLeaving(machine) ? ', leaving' : ''
  return `machine ${machine.metadata.name} is ${phaseOf(machine) || 'new'}${going}: ${lastOperation?.description ?? ''}`
}

/** Sets and machines that no deployment answers for. */
function strangers(census: Census, wanted: readonly MachineDeployment[]): readonly string[] {
  const names = new Set(namesOf(wanted))
  const lost = [...census.control(machineSets), ...census.control(machines)].filter(
    ({ metadata }) => !names.has(metadata.labels?.name ?? ''),
  )
  return lost.map(({ kind, metadata }) => `${kind} ${metadata.name} belongs to no deployment`)
}

function differences(what: string, present: readonly string[], wanted: readonly string[]): readonly string[] {
  const more = present.filter((name, index) => !wanted.includes(name) || present.indexOf(name) !== index)
  const less = wanted.filter((name) => !present.includes(name))
  return [
    ...(more.length === 0 ? [] : [`${what} too many: ${more.join(', ')}`]),
    ...(less.length === 0 ? [] : [`${what} missing: ${less.join(', ')}`]),
  ]
}

/** What a rollout, an update in place, a preservation or an edited class should have left behind otherwise. */
function markTrouble(census: Census, { metadata, spec, status }: Machine): readonly string[] {
  const { name } = metadata
  const node = census.target(nodes).find((one) => one.metadata.name === name)
  const keys = new Set((node?.spec?.taints ?? []).map(({ key }) => key))
  const { preferNoSchedule, preserved, criticalComponentsNotReady } = machineTaints
  const { scaleDownDisabledByUs } = machineAnnotations
  const marks = [preferNoSchedule, preserved, criticalComponentsNotReady].filter((key) => keys.has(key))
  const tags = census.tagsOf?.(name)
  const model = census.control(machineClasses).find((one) => one.metadata.name === spec?.class?.name)
  const wanted = (model?.providerSpec as { readonly tags?: Readonly<Record<string, string>> } | undefined)?.tags ?? {}
  const stale = tags === undefined ? [] : Object.keys(wanted).filter((key) => wanted[key] !== tags[key])
  return [
    ...(status?.currentStatus?.preserveExpiryTime === undefined ? [] : [`machine ${name} is preserved`]),
    ...(node?.spec?.unschedulable === true ? [`node ${name} is closed`] : []),
    ...(node !== undefined && isConcerned(node) ? [`node ${name} is still to be updated`] : []),
    ...(node?.metadata.annotations?.[scaleDownDisabledByUs] === undefined ? [] : [`node ${name} is held`]),
    ...marks.map((key) => `node ${name} carries ${key}`),
    ...stale.map(
      (key) => `the server of ${name} has ${tags?.[key]} as ${key}, not ${wanted[key]} as class ${spec?.class?.name}`,
    ),
  ]
}

function leftovers(census: Census, present: readonly Machine[]): readonly string[] {
  const tokens = census.target(secrets).filter(({ metadata }) => metadata.name.startsWith('bootstrap-token-'))
  const reports = census.target(configMaps).filter(({ metadata }) => metadata.name.startsWith(joinReportNamePrefix))
  const used = new Set(present.map(({ spec }) => spec?.class?.name))
  const held = census
    .control(machineClasses)
    .filter(({ metadata }) => (metadata.finalizers ?? []).length > 0 !== used.has(metadata.name))
  return [...tokens, ...reports, ...held].map(({ metadata }) => `left over or not guarded: ${metadata.name}`)
}

function namesOf(objects: readonly KubernetesObject[]): readonly string[] {
  return objects.map(({ metadata }) => metadata.name)
}
