import { describe, expect, it } from 'vitest'
import { currentJoinStep, type JoinReport, type JoinStep, joinReportName, readJoinReport } from './join-report.ts'

const report = (steps: JoinStep[]): JoinReport => ({
  machine: 'first-a',
  role: 'worker',
  state: 'joining',
  startedAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:01.000Z',
  restarts: {},
  steps,
})

const configMap = (data?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: joinReportName('first-a') },
  data,
})

describe('readJoinReport', () => {
  it('reads what the agent wrote', () => {
    const written = report([{ name: 'start-containerd', state: 'done', tries: 1 }])
    expect(readJoinReport(configMap({ report: JSON.stringify(written) }))).toEqual(written)
  })

  it('accepts fields that a newer agent adds', () => {
    expect(readJoinReport(configMap({ report: JSON.stringify({ ...report([]), novelty: 1 }) }))).toMatchObject(
      report([]),
    )
  })

  it.each([
    ['there is no data', undefined],
    ['the key is missing', {}],
    ['it is not JSON', { report: '{' }],
    ['it is of another shape', { report: '{"steps":1}' }],
  ])('is undefined when %s, since machines are not trusted', (_, data) => {
    expect(readJoinReport(configMap(data))).toBeUndefined()
  })
})

describe('currentJoinStep', () => {
  const step = (name: string, state: JoinStep['state']): JoinStep => ({ name, state, tries: 1 })

  it.each([
    ['the failed step before a running one', [step('a', 'running'), step('b', 'failed')], 'b'],
    ['the running step', [step('a', 'done'), step('b', 'running'), step('c', 'pending')], 'b'],
    ['the first pending step', [step('a', 'done'), step('b', 'pending')], 'b'],
    ['nothing when all is done', [step('a', 'done')], undefined],
  ])('is %s', (_, steps, expected) => {
    expect(currentJoinStep(report(steps))?.name).toBe(expected)
  })
})
