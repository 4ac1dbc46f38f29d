import type { Deployment } from '@trellis/api/core/workload'
import { describe, expect, it } from 'vitest'
import { isRolledOut } from './controllers-ready.ts'

describe('isRolledOut', () => {
  const done = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  const deployment = (status: Deployment['status']): Deployment =>
    ({ metadata: { name: 'one', generation: 2 }, spec: { replicas: 1 }, status }) as Deployment

  it.each([
    ['the newest pod runs', done, true],
    ['nothing is known', undefined, false],
    ['the newest change has not been seen', { ...done, observedGeneration: 1 }, false],
    ['the pod before is still there', { ...done, updatedReplicas: 0 }, false],
    ['both are there', { ...done, replicas: 2 }, false],
    ['none is there', { ...done, replicas: 0, updatedReplicas: 0, availableReplicas: 0 }, false],
    ['it does not run yet', { ...done, availableReplicas: 0 }, false],
  ])('when %s', (_what, status, expected) => {
    expect(isRolledOut(deployment(status))).toBe(expected)
  })
})
