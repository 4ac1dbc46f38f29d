import type { Node } from '@trellis/api/core/node'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import { describe, expect, it } from 'vitest'
import { nodeThat, preparedClass } from '../../testing/objects.ts'
import { capacityChange } from './virtual-capacity.ts'

const key = 'node.machine.sapcloud.io/last-applied-virtual-capacity'
const base = { capacity: { cpu: '4', gpu: '0', memory: '8Gi' }, instanceType: 'm', region: 'r', zone: 'z' }

function classWith(virtualCapacity?: Record<string, string>): MachineClass {
  const nodeTemplate = virtualCapacity === undefined ? base : { ...base, virtualCapacity }
  return { ...preparedClass(), nodeTemplate }
}

function nodeWith(capacity: Record<string, string>, applied?: string): Node {
  const annotations: Record<string, string> = applied === undefined ? {} : { [key]: applied }
  return nodeThat('True', { metadata: { name: 'machine-a', annotations }, status: { capacity } })
}

describe('capacityChange', () => {
  it.each([
    {
      reason: 'nothing wanted',
      machineClass: classWith(),
      node: nodeWith({ cpu: '4' }),
      status: undefined,
      annotation: undefined,
    },
    {
      reason: 'no node template at all',
      machineClass: preparedClass(),
      node: nodeWith({ cpu: '4' }),
      status: undefined,
      annotation: undefined,
    },
    {
      reason: 'something new',
      machineClass: classWith({ 'hc.io/memory': '2Gi' }),
      node: nodeWith({ cpu: '4' }),
      status: { capacity: { 'hc.io/memory': '2Gi' } },
      annotation: '{"hc.io/memory":"2Gi"}',
    },
    {
      reason: 'applied already, written by the API server in its own way',
      machineClass: classWith({ 'hc.io/cpu': '2000m' }),
      node: nodeWith({ cpu: '4', 'hc.io/cpu': '2' }, '{"hc.io/cpu":"2000m"}'),
      status: undefined,
      annotation: undefined,
    },
    {
      reason: 'changed',
      machineClass: classWith({ 'hc.io/cpu': '3' }),
      node: nodeWith({ 'hc.io/cpu': '2' }, '{"hc.io/cpu":"2"}'),
      status: { capacity: { 'hc.io/cpu': '3' } },
      annotation: '{"hc.io/cpu":"3"}',
    },
    {
      reason: 'taken out of the class',
      machineClass: classWith(),
      node: nodeWith({ cpu: '4', 'hc.io/cpu': '2' }, '{"hc.io/cpu":"2"}'),
      status: { capacity: { 'hc.io/cpu': null } },
      annotation: null,
    },
    {
      reason: 'taken away from the node by its kubelet',
      machineClass: classWith({ 'hc.io/cpu': '3' }),
      node: nodeWith({ cpu: '4' }, '{"hc.io/cpu":"3"}'),
      status: { capacity: { 'hc.io/cpu': '3' } },
      annotation: undefined,
    },
    {
      reason: 'an annotation that somebody broke',
      machineClass: classWith({ 'hc.io/cpu': '3' }),
      node: nodeWith({ 'hc.io/cpu': '3' }, '{'),
      status: undefined,
      annotation: '{"hc.io/cpu":"3"}',
    },
  ])('$reason', ({ machineClass, node, status, annotation }) => {
    expect(capacityChange(machineClass, node)).toEqual({ status, annotation })
  })
})
