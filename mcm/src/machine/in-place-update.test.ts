import type { Node } from '@trellis/api/core/node'
import type { MachinePhase } from '@trellis/api/machine/machine'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, nodeThat, observationOf } from '../../testing/objects.ts'
import { decideHealth } from './health.ts'
import { announcement, isConcerned, restoration } from './in-place-node.ts'
import { decideUpdate } from './in-place-update.ts'

const prefix = 'node.machine.sapcloud.io/'

interface Situation {
  /** Short names of the labels that the node has; `successful` and `failed` stand for a result. */
  readonly labels?: readonly string[]
  readonly reason?: string
  readonly status?: 'True' | 'False'
  readonly ready?: 'True' | 'False'
  readonly taints?: NonNullable<Node['spec']>['taints']
}

function updatedNode({ labels = [], reason, status = 'True', ready = 'True', taints = [] }: Situation): Node {
  const node = nodeThat(ready)
  const condition = { type: 'InPlaceUpdate', status, reason: reason ?? '', lastTransitionTime: at(0) }
  const entries = labels.map((label) =>
    label === 'successful' || label === 'failed'
      ? [`${prefix}update-result`, label]
      : [`${prefix}${label}-for-update`, 'true'],
  )
  return {
    ...node,
    metadata: {
      ...node.metadata,
      labels: Object.fromEntries(entries),
      annotations: labels.includes('failed') ? { [`${prefix}update-failed-reason`]: 'the disk is full' } : {},
    },
    spec: { unschedulable: true, taints },
    status: { conditions: [...(node.status?.conditions ?? []), ...(reason === undefined ? [] : [condition])] },
  }
}

function decide(phase: MachinePhase, situation: Situation | undefined, seconds = 0) {
  const node = situation === undefined ? undefined : updatedNode(situation)
  return decideUpdate(observationOf(launched(phase), { node }), epoch + seconds * 1000)
}

/** What a step does, in a word or two. */
function said(step: ReturnType<typeof decideUpdate>): string {
  if (step === undefined) return 'nothing'
  if (step.kind === 'drain') return 'drain'
  if (step.kind === 'move') {
    const { uncordon, condition, statement } = step
    const off = condition?.status === 'False' ? ' off' : ''
    const parts = [uncordon ? 'uncordon' : '', condition ? `${condition.reason}${off}` : '', statement?.phase ?? '']
    return parts.filter((part) => part !== '').join(', ')
  }
  return step.kind === 'fail' ? `fail to ${step.statement.phase}` : 'wait'
}

const both = ['candidate', 'selected']

describe('decideUpdate', () => {
  it.each<{ why: string; phase: MachinePhase; node?: Situation; says: string }>([
    { why: 'an ordinary node', phase: 'Running', node: {}, says: 'nothing' },
    { why: 'no node', phase: 'Running', says: 'nothing' },
    { why: 'not joined yet', phase: 'Pending', node: { labels: both }, says: 'nothing' },
    { why: 'given up', phase: 'Failed', node: { labels: both, reason: 'SelectedForUpdate' }, says: 'nothing' },
    { why: 'chosen only', phase: 'Running', node: { labels: ['selected'] }, says: 'nothing' },
    { why: 'announced', phase: 'Running', node: { labels: ['candidate'] }, says: 'CandidateForUpdate' },
    {
      why: 'announced and known',
      phase: 'Running',
      node: { labels: ['candidate'], reason: 'CandidateForUpdate' },
      says: 'nothing',
    },
    {
      why: 'announced after an earlier update',
      phase: 'Running',
      node: { labels: ['candidate'], reason: 'UpdateSuccessful' },
      says: 'CandidateForUpdate',
    },
    {
      why: 'announced after one that was called off',
      phase: 'Running',
      node: { labels: ['candidate'], reason: 'CandidateForUpdate', status: 'False' },
      says: 'CandidateForUpdate',
    },
    { why: 'chosen at once', phase: 'Running', node: { labels: both }, says: 'SelectedForUpdate' },
    {
      why: 'chosen',
      phase: 'Running',
      node: { labels: both, reason: 'CandidateForUpdate' },
      says: 'SelectedForUpdate',
    },
    { why: 'drains', phase: 'Running', node: { labels: both, reason: 'SelectedForUpdate' }, says: 'drain' },
    { why: 'drains though ill', phase: 'Unknown', node: { labels: both, reason: 'SelectedForUpdate' }, says: 'drain' },
    { why: 'drained', phase: 'Running', node: { labels: both, reason: 'DrainSuccessful' }, says: 'InPlaceUpdating' },
    {
      why: 'drained, phase written',
      phase: 'InPlaceUpdating',
      node: { labels: both, reason: 'DrainSuccessful' },
      says: 'ReadyForUpdate',
    },
    { why: 'phase lost', phase: 'Running', node: { labels: both, reason: 'ReadyForUpdate' }, says: 'InPlaceUpdating' },
    { why: 'is updated', phase: 'InPlaceUpdating', node: { labels: both, reason: 'ReadyForUpdate' }, says: 'wait' },
    { why: 'node lost meanwhile', phase: 'InPlaceUpdating', says: 'wait' },
    {
      why: 'choice withdrawn',
      phase: 'Running',
      node: { labels: ['candidate'], reason: 'SelectedForUpdate' },
      says: 'uncordon, CandidateForUpdate',
    },
    {
      why: 'withdrawn altogether',
      phase: 'Running',
      node: { labels: [], reason: 'DrainSuccessful' },
      says: 'uncordon, CandidateForUpdate off',
    },
    {
      why: 'announcement withdrawn',
      phase: 'Running',
      node: { labels: [], reason: 'CandidateForUpdate' },
      says: 'CandidateForUpdate off',
    },
    {
      why: 'called off before',
      phase: 'Running',
      node: { labels: [], reason: 'CandidateForUpdate', status: 'False' },
      says: 'nothing',
    },
    {
      why: 'withdrawn too late',
      phase: 'InPlaceUpdating',
      node: { labels: ['candidate'], reason: 'ReadyForUpdate' },
      says: 'wait',
    },
    {
      why: 'success',
      phase: 'InPlaceUpdating',
      node: { labels: [...both, 'successful'], reason: 'ReadyForUpdate' },
      says: 'UpdateSuccessful, InPlaceUpdateSuccessful',
    },
    {
      why: 'late success',
      phase: 'InPlaceUpdateFailed',
      node: { labels: [...both, 'successful'], reason: 'UpdateFailed' },
      says: 'UpdateSuccessful, InPlaceUpdateSuccessful',
    },
    {
      why: 'success seen, traces still there',
      phase: 'InPlaceUpdateSuccessful',
      node: { labels: [...both, 'successful'], reason: 'UpdateSuccessful' },
      says: 'wait',
    },
    {
      why: 'back again',
      phase: 'InPlaceUpdateSuccessful',
      node: { labels: [], reason: 'UpdateSuccessful' },
      says: 'Running',
    },
    {
      why: 'critical components do not run yet',
      phase: 'InPlaceUpdateSuccessful',
      node: {
        reason: 'UpdateSuccessful',
        taints: [{ key: 'node.gardener.cloud/critical-components-not-ready', effect: 'NoSchedule' }],
      },
      says: 'wait',
    },
    {
      why: 'back, not healthy yet',
      phase: 'InPlaceUpdateSuccessful',
      node: { reason: 'UpdateSuccessful', ready: 'False' },
      says: 'wait',
    },
    {
      why: 'failure',
      phase: 'InPlaceUpdating',
      node: { labels: [...both, 'failed'], reason: 'ReadyForUpdate' },
      says: 'UpdateFailed, InPlaceUpdateFailed',
    },
    {
      why: 'failure seen',
      phase: 'InPlaceUpdateFailed',
      node: { labels: [...both, 'failed'], reason: 'UpdateFailed' },
      says: 'wait',
    },
    {
      why: 'failure taken back',
      phase: 'InPlaceUpdateFailed',
      node: { labels: both, reason: 'UpdateFailed' },
      says: 'SelectedForUpdate',
    },
  ])('$why: $says', ({ phase, node, says }) => {
    expect(said(decide(phase, node))).toBe(says)
    const usual = phase === 'Running' || phase === 'Unknown'
    if (usual && node !== undefined && says !== 'nothing') expect(isConcerned(updatedNode(node))).toBe(true)
  })

  it('gives the reason of a failure', () => {
    const step = decide('InPlaceUpdating', { labels: [...both, 'failed'], reason: 'ReadyForUpdate' })
    expect(step).toMatchObject({
      condition: { message: 'The update in place failed: the disk is full' },
      statement: { operation: { type: 'InPlaceUpdate', state: 'Failed', description: /the disk is full/ } },
      event: { severity: 'warn' },
    })
  })

  it('ends an update that takes too long, and a failed one that is not repaired', () => {
    const ready = { labels: both, reason: 'ReadyForUpdate' }
    expect(decide('InPlaceUpdating', ready, 1199)).toMatchObject({ kind: 'wait', milliseconds: 1001 })
    expect(said(decide('InPlaceUpdating', ready, 1201))).toBe('InPlaceUpdateFailed')
    expect(said(decide('InPlaceUpdateFailed', ready, 599))).toBe('wait')
    expect(said(decide('InPlaceUpdateFailed', ready, 601))).toBe('fail to Failed')
    expect(said(decide('InPlaceUpdateFailed', undefined, 601))).toBe('fail to Failed')
    const sick = { reason: 'UpdateSuccessful', ready: 'False' as const }
    expect(said(decide('InPlaceUpdateSuccessful', sick, 601))).toBe('Unknown')
  })

  it.each([
    { labels: [...both, 'failed'] as const, why: 'Machine machine-1 could not be updated in place: the disk is full' },
    { labels: both, why: 'Machine machine-1 was not updated in place within 20m0s' },
  ])(
    'says why it gives up in words that do not grow while the machine may not be replaced: $why',
    ({ labels, why }) => {
      const node = updatedNode({ labels: [...labels], reason: labels.length > 2 ? 'UpdateFailed' : 'ReadyForUpdate' })
      const machine = launched('InPlaceUpdateFailed')
      const words = (description: string) => {
        const lastOperation = { ...machine.status?.lastOperation, description }
        const told = { ...machine, status: { ...machine.status, lastOperation } }
        const step = decideUpdate(observationOf(told, { node }), epoch + 601_000)
        return step?.kind === 'fail' ? (step.statement.operation?.description ?? '') : said(step)
      }
      const name = machine.metadata.name
      const expected = `Not repaired within 10m0s: ${why.replace('machine-1', name)}`
      expect(words('anything')).toBe(expected)
      expect(words(`${expected}; it is not replaced yet: one at a time`)).toBe(expected)
    },
  )

  it('waits for ever where the health timeout is disabled', () => {
    const node = updatedNode({ labels: [...both, 'failed'], reason: 'UpdateFailed' })
    const observed = observationOf(launched('InPlaceUpdateFailed'), { node })
    const patient = { ...observed, settings: { ...observed.settings, disableHealthTimeout: true } }
    expect(decideUpdate(patient, epoch + 10_000_000)).toMatchObject({ kind: 'wait' })
  })

  it('does nothing while nodes are not known', () => {
    const unknown = { target: { kind: 'unknown' as const } }
    expect(decideUpdate(observationOf(launched('InPlaceUpdating'), unknown), epoch + 10_000_000)).toEqual({
      kind: 'wait',
      statement: {},
    })
    expect(decideUpdate(observationOf(launched('Running'), unknown), epoch)).toBeUndefined()
  })

  it('does not take a failed machine back whose node is well but not updated', () => {
    const node = updatedNode({ labels: [...both, 'failed'], reason: 'UpdateFailed' })
    expect(decideHealth(observationOf(launched('Failed'), { node }), epoch).statement.phase).toBeUndefined()
    expect(decideHealth(observationOf(launched('Failed'), { node: updatedNode({}) }), epoch).statement.phase).toBe(
      'Running',
    )
  })
})

describe('labels of an update', () => {
  it('are written once', () => {
    expect(announcement(updatedNode({}), true)).toEqual({
      metadata: { labels: { [`${prefix}candidate-for-update`]: 'true', [`${prefix}selected-for-update`]: 'true' } },
    })
    expect(announcement(updatedNode({ labels: ['candidate'] }), false)).toBeUndefined()
    expect(announcement(updatedNode({ labels: both }), true)).toBeUndefined()
  })

  it('go with the cordon, and an updated node waits for its critical components', () => {
    const prefer = {
      key: 'deployment.machine.sapcloud.io/prefer-no-schedule',
      value: 'True',
      effect: 'PreferNoSchedule',
    }
    const own = { key: 'own', effect: 'NoExecute' }
    const node = updatedNode({ labels: [...both, 'successful'], taints: [prefer, own] })
    const critical = { key: 'node.gardener.cloud/critical-components-not-ready', effect: 'NoSchedule' }
    expect(restoration(node, true)).toMatchObject({ spec: { taints: [own, critical], unschedulable: null } })
    expect(restoration(node, false)).toMatchObject({ spec: { taints: [own], unschedulable: null } })
    expect(restoration(updatedNode({ labels: ['candidate'] }), false)).not.toHaveProperty('spec.unschedulable')
    expect(restoration(updatedNode({}), false)).toBeUndefined()
  })
})
