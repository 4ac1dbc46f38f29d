import type { Node } from '@trellis/api/core/node'
import { expect, it } from 'vitest'
import { nodeThat } from '../../testing/objects.ts'
import { trimNode } from './trim.ts'

it('keeps of a node what the controllers look at, and no more', () => {
  const kept = nodeThat('True', { spec: { unschedulable: true } })
  const status = { ...kept.status, capacity: { cpu: '4' }, volumesAttached: [{ name: 'v', devicePath: '' }] }
  const reported = { images: [{ names: ['a'], sizeBytes: 1 }], nodeInfo: { kubeletVersion: 'v1' }, addresses: [] }
  const full = {
    ...kept,
    metadata: { ...kept.metadata, managedFields: [{ manager: 'kubelet' }] },
    status: { ...status, ...reported },
  } as Node
  expect(trimNode(full)).toEqual({ ...kept, status })
})
