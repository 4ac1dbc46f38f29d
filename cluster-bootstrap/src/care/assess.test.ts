import type { GardenCondition } from '@trellis/api/garden/common'
import type { Machine } from '@trellis/api/machine/machine'
import { describe, expect, it } from 'vitest'
import { assess, type CareObservation, mergeConditions, type Statement } from './assess.ts'

const deployment = (name: string, available = 1) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, generation: 1 },
  spec: { replicas: 1, selector: {}, template: {} },
  status: { observedGeneration: 1, updatedReplicas: 1, availableReplicas: available },
})
const node = (name: string, status: 'True' | 'False' = 'True') => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status }] },
})
const etcd = (ready: number) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'etcd', generation: 1 },
  status: { observedGeneration: 1, updatedReplicas: 1, readyReplicas: ready },
})
const control = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'machine-controller-manager',
  'cloud-controller-manager',
]
const pool = {
  apiVersion: 'm',
  kind: 'MachineDeployment',
  metadata: { name: 'p' },
  spec: { replicas: 2, template: {} },
}
const failedMachine: Machine = {
  apiVersion: 'm',
  kind: 'Machine',
  metadata: { name: 'm-1' },
  status: { lastOperation: { state: 'Failed', description: 'quota: no cores left' } },
}

const well: CareObservation = {
  deployments: control.map((name) => deployment(name)),
  statefulSets: [etcd(1)],
  machines: [],
  machineDeployments: [pool],
  nodes: [node('a'), node('b')],
  systemDeployments: [deployment('coredns')],
  systemDaemonSets: [],
  apiServer: { ok: true },
  tunnel: { ok: true },
}

const conditionOf = (seen: Partial<CareObservation>, type: string) =>
  assess({ ...well, ...seen }).find((one) => one.type === type)

describe('assess', () => {
  it('finds everything well', () => {
    expect(assess(well).map((one) => `${one.type}=${one.status}`)).toEqual([
      'APIServerAvailable=True',
      'ControlPlaneHealthy=True',
      'EveryNodeReady=True',
      'SystemComponentsHealthy=True',
      'TunnelAvailable=True',
    ])
  })

  it('knows nothing before anything was seen', () => {
    const nothing = Object.fromEntries(Object.keys(well).map((key) => [key, undefined])) as unknown as CareObservation
    expect(new Set(assess(nothing).map((one) => one.status))).toEqual(new Set(['Unknown']))
  })

  it.each([
    {
      type: 'APIServerAvailable',
      seen: { apiServer: { ok: false, error: 'refused' } },
      reason: 'HealthzRequestFailed',
      says: 'refused',
    },
    {
      type: 'TunnelAvailable',
      seen: { tunnel: { ok: false, error: 'no answer' } },
      reason: 'TunnelConnectionBroken',
      says: 'no answer',
    },
    {
      type: 'ControlPlaneHealthy',
      seen: { deployments: well.deployments?.slice(1) },
      reason: 'DeploymentMissing',
      says: 'kube-apiserver',
    },
    { type: 'ControlPlaneHealthy', seen: { statefulSets: [] }, reason: 'EtcdMissing', says: 'etcd' },
    { type: 'ControlPlaneHealthy', seen: { statefulSets: [etcd(0)] }, reason: 'EtcdUnhealthy', says: 'etcd' },
    {
      type: 'ControlPlaneHealthy',
      seen: { deployments: control.map((name) => deployment(name, name === 'kube-scheduler' ? 0 : 1)) },
      reason: 'DeploymentUnhealthy',
      says: 'Not available: kube-scheduler.',
    },
    {
      type: 'EveryNodeReady',
      seen: { nodes: [node('a'), node('b', 'False')] },
      reason: 'NodeUnhealthy',
      says: 'Not Ready: b.',
    },
    {
      type: 'EveryNodeReady',
      seen: { nodes: [node('a')], machines: [failedMachine] },
      reason: 'MissingNodes',
      says: '1 of 2 nodes are there. machine m-1: quota: no cores left',
    },
    {
      type: 'SystemComponentsHealthy',
      seen: { systemDeployments: [] },
      reason: 'ComponentsMissing',
      says: 'not installed',
    },
    {
      type: 'SystemComponentsHealthy',
      seen: { systemDeployments: [deployment('coredns', 0)] },
      reason: 'ComponentsUnhealthy',
      says: 'coredns',
    },
  ] as const)('$type is False: $reason', ({ type, seen, reason, says }) => {
    const condition = conditionOf(seen as Partial<CareObservation>, type)
    expect(condition).toMatchObject({ status: 'False', reason })
    expect(condition?.message).toContain(says)
  })
})

describe('mergeConditions', () => {
  const now = Date.UTC(2026, 5, 1)
  const statement: Statement = { type: 'T', status: 'False', reason: 'R', message: 'm' }
  const present: GardenCondition = { ...statement, status: 'False', lastTransitionTime: 'then', lastUpdateTime: 'then' }

  it('changes nothing when nothing changed', () => {
    expect(mergeConditions([present], [statement], { operating: false, now })).toBeUndefined()
  })

  it('keeps the instant of the transition while only the words change', () => {
    const merged = mergeConditions([present], [{ ...statement, message: 'n' }], { operating: false, now })
    expect(merged).toMatchObject([{ message: 'n', lastTransitionTime: 'then', lastUpdateTime: '2026-06-01T00:00:00Z' }])
  })

  it('is lenient while something is being done, and keeps conditions of others', () => {
    const other: GardenCondition = { ...present, type: 'Other' }
    const merged = mergeConditions([present, other], [statement], { operating: true, now })
    expect(merged).toMatchObject([
      { type: 'T', status: 'Progressing', lastTransitionTime: '2026-06-01T00:00:00Z' },
      other,
    ])
  })
})
