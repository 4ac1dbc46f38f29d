import type { ObjectMeta } from '@trellis/api/meta'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, nodeThat, observationOf } from '../../testing/objects.ts'
import { decideNodeLoss, isNodeOf } from './node-loss.ts'

const conditions = [{ type: 'Ready', status: 'True' }]
const running = launched('Running', { status: { currentStatus: { phase: 'Running' }, conditions } })
const own = { name: 'machine-a', labels: { 'node.gardener.cloud/machine-name': 'machine-a' } }
const going = nodeThat('True', { metadata: { ...own, deletionTimestamp: at(5) } })
const known = { kind: 'known', since: epoch } as const

describe('decideNodeLoss', () => {
  it.each([
    { reason: 'a node that is there', machine: running, node: nodeThat('True', { metadata: own }), loss: 'none' },
    { reason: 'a node that is being deleted', machine: running, node: going, loss: 'deleted' },
    { reason: 'a node that vanished', machine: running, node: undefined, loss: 'gone' },
    { reason: 'a node that never came', machine: launched('Pending'), node: undefined, loss: 'none' },
    {
      reason: 'a machine that is being made',
      machine: launched('CrashLoopBackOff', { status: { currentStatus: { phase: 'CrashLoopBackOff' }, conditions } }),
      node: undefined,
      loss: 'none',
    },
    {
      reason: 'the node of another machine',
      machine: running,
      node: nodeThat('True', {
        metadata: { ...going.metadata, labels: { 'node.gardener.cloud/machine-name': 'machine-b' } },
      }),
      loss: 'none',
    },
  ])('$reason: $loss', ({ machine, node, loss }) => {
    expect(decideNodeLoss(observationOf(machine, { node, target: known }))).toBe(loss)
  })

  it('says nothing while nodes are not known', () => {
    expect(decideNodeLoss(observationOf(running, { node: undefined, target: { kind: 'unknown' } }))).toBe('none')
    expect(decideNodeLoss(observationOf(running, { node: undefined, target: { kind: 'none' } }))).toBe('none')
  })
})

describe('isNodeOf', () => {
  const machine = launched('Running', { metadata: { creationTimestamp: at(100) } })
  it.each([
    { reason: 'its name on it', labels: { 'node.gardener.cloud/machine-name': 'machine-a' }, made: 0, own: true },
    { reason: 'another name on it', labels: { 'node.gardener.cloud/machine-name': 'b' }, made: 200, own: false },
    { reason: 'no name, younger', labels: undefined, made: 100, own: true },
    { reason: 'no name, older', labels: undefined, made: 99, own: false },
  ])('$reason', ({ labels, made, own: expected }) => {
    const metadata: ObjectMeta = { name: 'x', ...(labels === undefined ? {} : { labels }), creationTimestamp: at(made) }
    expect(isNodeOf(machine, nodeThat('True', { metadata }))).toBe(expected)
  })
})
