import type { MachineSet } from '@trellis/api/machine/machine-set'
import { describe, expect, it } from 'vitest'
import { setOf } from '../../testing/objects.ts'
import { flockMilliseconds, onlyStatusChanged } from './flock.ts'

describe('flockMilliseconds', () => {
  it.each([
    [0, 100],
    [200, 100],
    [1000, 300],
    [5000, 1500],
    [50_000, 1500],
  ])('of %i machines is %i', (machines, milliseconds) => {
    expect(flockMilliseconds(machines)).toBe(milliseconds)
  })
})

describe('onlyStatusChanged', () => {
  const base: MachineSet = setOf(1)
  const key = { namespace: 'ns', name: 'set' }
  const before = { ...base, metadata: { ...base.metadata, generation: 3, resourceVersion: '1' } }
  const later = { ...before.metadata, resourceVersion: '2' }

  it('is so when a status was written', () => {
    const after: MachineSet = { ...before, metadata: later, status: { replicas: 1 } }
    expect(onlyStatusChanged({ key, before, after })).toBe(true)
  })

  it.each([
    ['another wish', { ...later, generation: 4 }],
    ['a label', { ...later, labels: { ...later.labels, frozen: 'True' } }],
    ['an annotation', { ...later, annotations: { note: 'x' } }],
    ['a finalizer', { ...later, finalizers: ['x'] }],
    ['the end', { ...later, deletionTimestamp: '2026-01-01T00:00:00Z' }],
    ['another object of that name', { ...later, uid: 'other' }],
    ['an object without generations', { ...later, generation: undefined }],
  ])('is not so with %s', (_, metadata) => {
    const { generation, ...rest } = metadata
    const after = { ...before, metadata: generation === undefined ? rest : { ...rest, generation } }
    expect(onlyStatusChanged({ key, before, after })).toBe(false)
  })

  it('is not so for what comes or goes', () => {
    expect(onlyStatusChanged({ key, after: before })).toBe(false)
    expect(onlyStatusChanged({ key, before })).toBe(false)
  })
})
