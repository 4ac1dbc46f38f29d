import type { NodeStatusCondition } from '@trellis/api/core/node'
import { describe, expect, it } from 'vitest'
import { at, epoch, launched, nodeThat } from '../../testing/objects.ts'
import { type DrainPurpose, forcedBecause, forcedByNodeAt } from './force.ts'

const readOnly = (status: 'True' | 'False' | 'Unknown'): NodeStatusCondition => ({
  type: 'ReadonlyFilesystem',
  status,
  lastTransitionTime: at(0),
})
const nodeWith = (...conditions: NodeStatusCondition[]) => nodeThat('True', { status: { conditions } })
const machineWith = (labels: Record<string, string>) => launched('Terminating', { metadata: { labels } })

interface Changes {
  readonly labels?: Record<string, string>
  readonly node?: ReturnType<typeof nodeThat>
  readonly purpose?: DrainPurpose
}

describe('forcedBecause', () => {
  const because = (changes: Changes, seconds: number) => {
    const { labels = {}, node = nodeThat('True'), purpose = 'deletion' } = changes
    const machine = machineWith(labels)
    return forcedBecause(
      { machine, node, purpose, since: epoch, drainTimeoutMilliseconds: 7_200_000 },
      epoch + seconds * 1000,
    )
  }

  it.each<{ reason: string; changes: Changes; seconds: number; said: string | undefined }>([
    { reason: 'nothing speaks for it', changes: {}, seconds: 7199, said: undefined },
    { reason: 'the time is up', changes: {}, seconds: 7200, said: 'not drained within 2h0m0s' },
    {
      reason: 'the label of deletions',
      changes: { labels: { 'force-deletion': 't' } },
      seconds: 0,
      said: 'label force-deletion is set',
    },
    { reason: 'that label says no', changes: { labels: { 'force-deletion': 'False' } }, seconds: 0, said: undefined },
    {
      reason: 'that label says nothing that Go reads as true',
      changes: { labels: { 'force-deletion': 'yes' } },
      seconds: 0,
      said: undefined,
    },
    {
      reason: 'that label on a machine that stays',
      changes: { labels: { 'force-deletion': 'True' }, purpose: 'update' },
      seconds: 0,
      said: undefined,
    },
    {
      reason: 'the label of machines that stay',
      changes: { labels: { 'force-drain': 'True' }, purpose: 'preservation' },
      seconds: 0,
      said: 'label force-drain is set',
    },
    { reason: 'a node that fell ill just now', changes: { node: nodeThat('Unknown') }, seconds: 300, said: undefined },
    {
      reason: 'a node that has been dead for long',
      changes: { node: nodeThat('Unknown') },
      seconds: 301,
      said: 'the node has not been ready for more than 5m0s',
    },
    {
      reason: 'a broken disk',
      changes: { node: nodeWith(readOnly('True')) },
      seconds: 301,
      said: 'the file system of the node has been read-only for more than 5m0s',
    },
    {
      reason: 'a disk nobody knows about',
      changes: { node: nodeWith(readOnly('Unknown')) },
      seconds: 301,
      said: 'the file system of the node has been read-only for more than 5m0s',
    },
    { reason: 'a sound disk', changes: { node: nodeWith(readOnly('False')) }, seconds: 999, said: undefined },
  ])('$reason: $said', ({ changes, seconds, said }) => {
    expect(because(changes, seconds)).toBe(said)
  })

  it('says when a sick node will have been sick for long enough', () => {
    expect(forcedByNodeAt(nodeThat('True'))).toBeUndefined()
    expect(forcedByNodeAt(nodeWith(readOnly('True')))).toBe(epoch + 300_001)
    expect(because({ node: nodeWith(readOnly('True')) }, 300.001)).toBeDefined()
  })
})
