import type { Snapshot } from '@trellis/flow/progress'
import { Failure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { errorCodes, failedStatus, invalidStatus, processingStatus, succeededStatus } from './status.ts'

const now = Date.UTC(2026, 5, 1)
const snapshot: Snapshot = {
  percent: 33,
  running: ['b'],
  tasks: [
    { task: 'a', state: 'succeeded', tries: 1, startedAt: now - 2500, finishedAt: now - 500 },
    {
      task: 'b',
      state: 'running',
      tries: 2,
      startedAt: now - 500,
      lastError: 'not yet',
      note: '1 of 2 nodes are Ready',
    },
    { task: 'c', state: 'blocked', tries: 0 },
  ],
}

describe('the status of a shoot', () => {
  it('names running tasks, what they wait for and why they were tried again', () => {
    expect(processingStatus('Create', snapshot, now)).toEqual({
      lastOperation: {
        type: 'Create',
        state: 'Processing',
        progress: 33,
        description: 'Running: b (1 of 2 nodes are Ready).',
        lastUpdateTime: '2026-06-01T00:00:00Z',
      },
      lastErrors: [{ description: 'b: not yet', taskID: 'b' }],
      tasks: [
        {
          id: 'a',
          state: 'Succeeded',
          tries: 1,
          startTime: '2026-05-31T23:59:57.500Z',
          completionTime: '2026-05-31T23:59:59.500Z',
        },
        { id: 'b', state: 'Running', tries: 2, startTime: '2026-05-31T23:59:59.500Z', lastError: 'not yet' },
        { id: 'c', state: 'Pending', tries: 0 },
      ],
    })
  })

  it('has no errors left after success', () => {
    const status = succeededStatus('Reconcile', snapshot, 7, now)
    expect(status).toMatchObject({ lastErrors: null, retryCycleStartTime: null, observedGeneration: 7 })
    expect(status.lastOperation).toMatchObject({ type: 'Reconcile', state: 'Succeeded', progress: 100 })
  })

  it.each([
    { kind: 'Timeout', state: 'Error', codes: undefined, giveUp: false },
    { kind: 'Timeout', state: 'Failed', codes: undefined, giveUp: true },
    { kind: 'Unavailable', state: 'Error', codes: ['ERR_RETRYABLE_CONFIGURATION_PROBLEM'], giveUp: false },
    { kind: 'Invalid', state: 'Failed', codes: ['ERR_CONFIGURATION_PROBLEM'], giveUp: false },
    { kind: 'Exhausted', state: 'Error', codes: ['ERR_INFRA_QUOTA_EXCEEDED'], giveUp: false },
    { kind: 'Throttled', state: 'Error', codes: ['ERR_INFRA_RATE_LIMITS_EXCEEDED'], giveUp: false },
    { kind: 'Unauthorized', state: 'Failed', codes: ['ERR_INFRA_UNAUTHENTICATED'], giveUp: false },
    { kind: 'Forbidden', state: 'Failed', codes: ['ERR_INFRA_UNAUTHORIZED'], giveUp: false },
  ] as const)('is $state after $kind (given up: $giveUp)', ({ kind, state, codes, giveUp }) => {
    const error = new Failure(kind, 'no', { field: 'spec.x', remedy: 'do this' })
    const status = failedStatus('Create', snapshot, [{ task: 'b', error }], { generation: 1, now, giveUp })
    expect(status.lastOperation.state).toBe(state)
    expect(status.lastErrors?.[0]).toMatchObject({ taskID: 'b', description: 'b: spec.x: no (do this)' })
    expect(errorCodes(error)).toEqual(codes)
  })

  it('tells every field that is wrong and what to do', () => {
    const errors = [
      { field: 'spec.region', message: 'there is no region x', remedy: 'choose local' },
      { field: 'spec.provider.type', message: 'is wrong' },
    ]
    const status = invalidStatus('Create', errors, 3, now)
    expect(status.lastOperation).toMatchObject({ state: 'Failed', progress: 0 })
    expect(status.lastErrors?.map((one) => one.description)).toEqual([
      'spec.region: there is no region x (choose local)',
      'spec.provider.type: is wrong',
    ])
    expect(status.lastErrors?.[0]?.codes).toEqual(['ERR_CONFIGURATION_PROBLEM'])
    expect(status).not.toHaveProperty('tasks')
  })
})
