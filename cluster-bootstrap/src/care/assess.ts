import { instantText } from '@trellis/api/conditions'
import type { Node } from '@trellis/api/core/node'
import type { DaemonSet, Deployment, StatefulSet } from '@trellis/api/core/workload'
import type { GardenCondition } from '@trellis/api/garden/common'
import { shootConditionTypes } from '@trellis/api/garden/shoot-status'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { isDaemonSetAvailable, isDeploymentAvailable, isNodeReady, isStatefulSetReady } from '../shoot/workloads.ts'
import { machineTrouble } from '../tasks/nodes-ready.ts'

/** Type of the condition that tells whether the API server reaches the nodes. */
export const tunnelAvailable = 'TunnelAvailable'

/** How a question to the shoot was last answered: undefined before the first answer. */
export type ProbeAnswer = { readonly ok: true } | { readonly ok: false; readonly error: string } | undefined

/** All that is known about a shoot at one moment. Lists are undefined until they are known. */
export interface CareObservation {
  readonly deployments: readonly Deployment[] | undefined
  readonly statefulSets: readonly StatefulSet[] | undefined
  readonly machines: readonly Machine[] | undefined
  readonly machineDeployments: readonly MachineDeployment[] | undefined
  readonly nodes: readonly Node[] | undefined
  readonly systemDeployments: readonly Deployment[] | undefined
  readonly systemDaemonSets: readonly DaemonSet[] | undefined
  readonly apiServer: ProbeAnswer
  readonly tunnel: ProbeAnswer
}

/** A condition without its instants. */
export type Statement = Pick<GardenCondition, 'type' | 'status' | 'reason' | 'message'>

/** Deployments without which there is no control plane. */
const requiredDeployments = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'machine-controller-manager',
  'cloud-controller-manager',
]

/** What the conditions of a shoot are, judged from one observation. */
export function assess(seen: CareObservation): readonly Statement[] {
  return [
    probe(shootConditionTypes.apiServerAvailable, seen.apiServer, {
      up: ['HealthzRequestSucceeded', 'The API server answers that it is ready.'],
      down: ['HealthzRequestFailed', 'The API server does not answer that it is ready'],
    }),
    controlPlane(seen),
    everyNode(seen),
    systemComponents(seen),
    probe(tunnelAvailable, seen.tunnel, {
      up: ['TunnelConnectionEstablished', 'The API server reaches the kubelets.'],
      down: ['TunnelConnectionBroken', 'The API server does not reach the kubelets'],
    }),
  ]
}

interface ProbeWords {
  readonly up: readonly [reason: string, message: string]
  readonly down: readonly [reason: string, message: string]
}

function probe(type: string, answer: ProbeAnswer, { up, down }: ProbeWords): Statement {
  if (answer === undefined) return unknown(type)
  return answer.ok ? good(type, up[0], up[1]) : bad(type, down[0], `${down[1]}: ${answer.error}.`)
}

function controlPlane({ deployments, statefulSets }: CareObservation): Statement {
  const type = shootConditionTypes.controlPlaneHealthy
  if (deployments === undefined || statefulSets === undefined) return unknown(type)
  const names = new Set(deployments.map((one) => one.metadata.name))
  const missing = requiredDeployments.filter((name) => !names.has(name))
  if (missing.length > 0) return bad(type, 'DeploymentMissing', `Missing: ${missing.join(', ')}.`)
  const etcd = statefulSets.find((one) => one.metadata.name === 'etcd')
  if (etcd === undefined) return bad(type, 'EtcdMissing', 'Missing: etcd.')
  if (!isStatefulSetReady(etcd)) return bad(type, 'EtcdUnhealthy', 'etcd is not ready.')
  const ill = deployments.filter((one) => !isDeploymentAvailable(one)).map((one) => one.metadata.name)
  if (ill.length > 0) return bad(type, 'DeploymentUnhealthy', `Not available: ${ill.join(', ')}.`)
  return good(type, 'ControlPlaneRunning', 'All components of the control plane run.')
}

function everyNode({ nodes, machines, machineDeployments }: CareObservation): Statement {
  const type = shootConditionTypes.everyNodeReady
  if (nodes === undefined || machines === undefined || machineDeployments === undefined) return unknown(type)
  const ill = nodes.filter((node) => !isNodeReady(node)).map((node) => node.metadata.name)
  if (ill.length > 0) return bad(type, 'NodeUnhealthy', `Not Ready: ${ill.join(', ')}.`)
  const wanted = machineDeployments.reduce((sum, one) => sum + (one.spec?.replicas ?? 0), 0)
  const ready = nodes.filter((node) => node.metadata.deletionTimestamp === undefined).length
  if (ready < wanted) {
    const troubles = machines.map(machineTrouble).filter((trouble) => trouble !== undefined)
    const why = troubles.length === 0 ? '' : ` ${troubles.join('; ')}`
    return bad(type, 'MissingNodes', `${ready} of ${wanted} nodes are there.${why}`)
  }
  return good(type, 'EveryNodeReady', 'All nodes are Ready.')
}

function systemComponents({ systemDeployments, systemDaemonSets }: CareObservation): Statement {
  const type = shootConditionTypes.systemComponentsHealthy
  if (systemDeployments === undefined || systemDaemonSets === undefined) return unknown(type)
  if (systemDeployments.length === 0) return bad(type, 'ComponentsMissing', 'The add-ons are not installed.')
  const ill = [
    ...systemDeployments.filter((one) => !isDeploymentAvailable(one)),
    ...systemDaemonSets.filter((one) => !isDaemonSetAvailable(one)),
  ].map((one) => one.metadata.name)
  if (ill.length > 0) return bad(type, 'ComponentsUnhealthy', `Not available: ${ill.join(', ')}.`)
  return good(type, 'SystemComponentsRunning', 'All system components run.')
}

function good(type: string, reason: string, message: string): Statement {
  return { type, status: 'True', reason, message }
}

function bad(type: string, reason: string, message: string): Statement {
  return { type, status: 'False', reason, message }
}

function unknown(type: string): Statement {
  return { type, status: 'Unknown', reason: 'NotYetKnown', message: 'Nothing is known yet.' }
}

/**
 * The conditions with these statements. While something is being done to the shoot, what is not well counts as progressing. Instants change only
 * with what they stand for; undefined when nothing changed.
 */
export function mergeConditions(
  present: readonly GardenCondition[],
  statements: readonly Statement[],
  context: { readonly operating: boolean; readonly now: number },
): readonly GardenCondition[] | undefined {
  const now = instantText(context.now)
  let changed = false
  const merged = statements.map((statement): GardenCondition => {
    const status = statement.status === 'False' && context.operating ? 'Progressing' : statement.status
    const before = present.find((one) => one.type === statement.type)
    if (before?.status === status && before.reason === statement.reason && before.message === statement.message)
      return before
    changed = true
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now
    return { ...statement, status, lastTransitionTime, lastUpdateTime: now }
  })
  const others = present.filter((one) => !statements.some((statement) => statement.type === one.type))
  return changed ? [...merged, ...others] : undefined
}
