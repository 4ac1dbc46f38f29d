import type { Node } from '@trellis/api/core/node'
import { describe, expect, it } from 'vitest'
import { view } from '../../testing/deployments.ts'
import { at, launched, nodeThat } from '../../testing/objects.ts'
import { decideNodeMarks, marksPatch, rolloutMarkOf } from './node-marks.ts'

const disabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
const byUs = 'cluster-autoscaler.kubernetes.io/scale-down-disabled-by-mcm'
const avoidance = {
  key: 'deployment.machine.sapcloud.io/prefer-no-schedule',
  value: 'True',
  effect: 'PreferNoSchedule',
}
const other = { key: 'other', effect: 'NoSchedule' }

function node(annotations: Record<string, string> = {}, taints: NonNullable<Node['spec']>['taints'] = []): Node {
  return nodeThat('True', { metadata: { name: 'n', resourceVersion: '5', annotations }, spec: { taints } })
}

const both = { [disabled]: 'true', [byUs]: 'true' }

describe('marksPatch', () => {
  it.each([
    {
      reason: 'an old node gets all in one patch',
      node: node({}, [other]),
      marks: { avoided: true, kept: true },
      patch: { metadata: { annotations: both, resourceVersion: '5' }, spec: { taints: [other, avoidance] } },
    },
    { reason: 'a marked one nothing', node: node(both, [avoidance]), marks: { avoided: true, kept: true } },
    {
      reason: 'a new one is only kept',
      node: node(),
      marks: { avoided: false, kept: true },
      patch: { metadata: { annotations: both } },
    },
    {
      reason: 'the autoscaler is not told when it is not to be',
      node: node(),
      marks: { avoided: true, kept: false },
      patch: { metadata: { resourceVersion: '5' }, spec: { taints: [avoidance] } },
    },
    { reason: 'what the user said stands', node: node({ [disabled]: 'true' }), marks: { avoided: false, kept: true } },
    { reason: 'and is not removed', node: node({ [disabled]: 'true' }), marks: { avoided: false, kept: false } },
    {
      reason: 'everything of ours is taken away',
      node: node(both, [avoidance, other]),
      marks: { avoided: false, kept: false },
      patch: {
        metadata: { annotations: { [disabled]: null, [byUs]: null }, resourceVersion: '5' },
        spec: { taints: [other] },
      },
    },
  ])('$reason', ({ node: given, marks, patch }) => {
    expect(marksPatch(given, marks)).toEqual(patch)
  })
})

describe('decideNodeMarks', () => {
  const machine = (name: string, changes: Parameters<typeof launched>[1] = {}) =>
    launched('Running', { ...changes, metadata: { name, labels: { node: name }, ...changes.metadata } })
  const names = (marks: ReturnType<typeof decideNodeMarks>) => marks.map(({ node: one }) => one.metadata.name)
  const marking = {
    newest: { ...view('new', 1), machines: [machine('fresh')] },
    old: [
      { ...view('old', 2), machines: [machine('old'), machine('gone', { metadata: { deletionTimestamp: at(0) } })] },
    ],
    keepNodes: true,
    anyMarked: false,
  }

  it('marks the nodes of old and new sets while it rolls, but none that go', () => {
    const bare = (name: string) => ({ ...node(), metadata: { name, resourceVersion: '5' } })
    const marks = decideNodeMarks({
      ...marking,
      rolling: true,
      nodeOf: ({ metadata }) => bare(metadata.name),
    })
    expect(names(marks)).toEqual(['old', 'fresh'])
    expect(marks[0]?.patch).toHaveProperty('spec.taints')
    expect(marks[1]?.patch).not.toHaveProperty('spec')
  })

  it('frees nodes afterwards, and looks at none when none is marked', () => {
    const full = (name: string) => ({
      ...node(both, [avoidance]),
      metadata: { name, resourceVersion: '5', annotations: both },
    })
    const after = {
      ...marking,
      rolling: false,
      nodeOf: ({ metadata }: { metadata: { name: string } }) => full(metadata.name),
    }
    expect(decideNodeMarks(after)).toEqual([])
    expect(names(decideNodeMarks({ ...after, anyMarked: true }))).toEqual(['fresh', 'old'])
  })

  it('leaves a preserved machine kept', () => {
    const preserved = machine('p', { status: { currentStatus: { phase: 'Failed', preserveExpiryTime: at(60) } } })
    const marks = decideNodeMarks({
      ...marking,
      newest: { ...view('new', 1), machines: [preserved] },
      old: [],
      rolling: false,
      anyMarked: true,
      nodeOf: () => node(both),
    })
    expect(marks).toEqual([])
  })

  it('finds marked nodes by an index', () => {
    expect(rolloutMarkOf(node())).toEqual([])
    expect(rolloutMarkOf(node(both))).toEqual(['marked'])
    expect(rolloutMarkOf(node({}, [avoidance]))).toEqual(['marked'])
    expect(rolloutMarkOf(node({ [disabled]: 'true' }))).toEqual([])
  })
})
