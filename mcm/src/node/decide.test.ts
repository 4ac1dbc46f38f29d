import { describe, expect, it } from 'vitest'
import { at, epoch, nodeThat } from '../../testing/objects.ts'
import { decideNode } from './decide.ts'

const finalizer = 'node.machine.sapcloud.io/machine-controller'
const mark = { 'node.machine.sapcloud.io/not-managed-by-mcm': '1' }
const timeout = 1_200_000

function decide(
  metadata: { readonly annotations?: Record<string, string>; readonly finalizers?: string[] },
  hasMachine: boolean,
  afterMilliseconds: number,
) {
  const node = nodeThat('True', {
    metadata: { name: 'n', resourceVersion: '7', creationTimestamp: at(0), ...metadata },
  })
  return decideNode({ node, hasMachine, creationTimeoutMilliseconds: timeout }, epoch + afterMilliseconds)
}

describe('decideNode', () => {
  it('waits as long as a machine may take to join', () => {
    expect(decide({}, false, 0)).toEqual({ kind: 'wait', milliseconds: timeout + 1 })
    expect(decide({}, false, timeout)).toEqual({ kind: 'wait', milliseconds: 1 })
  })

  it.each([
    { reason: 'a node without a machine', metadata: {}, changes: {} },
    { reason: 'one that is held', metadata: { finalizers: ['x', finalizer] }, changes: { finalizers: ['x'] } },
    {
      reason: 'one that is marked and held',
      metadata: { annotations: mark, finalizers: [finalizer] },
      changes: { finalizers: [] },
    },
  ])('disowns $reason', ({ metadata, changes }) => {
    expect(decide(metadata, false, timeout + 1)).toEqual({
      kind: 'disown',
      patch: { metadata: { resourceVersion: '7', annotations: mark, ...changes } },
    })
  })

  it.each([
    { reason: 'a node with a machine', metadata: { finalizers: [finalizer] }, hasMachine: true },
    { reason: 'a node that was disowned before', metadata: { annotations: mark }, hasMachine: false },
  ])('leaves $reason alone', ({ metadata, hasMachine }) => {
    expect(decide(metadata, hasMachine, timeout + 1)).toEqual({ kind: 'nothing' })
  })
})
