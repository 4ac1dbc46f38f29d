import type { JoinReport } from '@trellis/api/join-report'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createReport, renderReport, stepSeconds } from './report.ts'

describe('createReport', () => {
  it('tells every change with its instant', async () => {
    const clock = createVirtualClock()
    const told: JoinReport[] = []
    const start = { machine: 'first-a', role: 'worker' as const, bootedAt: clock.now() - 2_000, startedAt: clock.now() }
    const report = createReport(clock, start, (current) => told.push(current))
    report.setSteps([{ name: 'write-files', state: 'running', tries: 1 }])
    await clock.advance(1_000)
    report.countRestart('kubelet')
    report.countRestart('kubelet')
    report.setState('ready')
    expect(told).toHaveLength(4)
    expect(report.current()).toEqual({
      machine: 'first-a',
      role: 'worker',
      state: 'ready',
      bootedAt: '2025-12-31T23:59:58.000Z',
      startedAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:01.000Z',
      restarts: { kubelet: 2 },
      steps: [{ name: 'write-files', state: 'running', tries: 1 }],
    })
  })
})

it('renders a report for people', () => {
  const text = renderReport({
    machine: 'first-a',
    role: 'worker',
    state: 'joining',
    startedAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:09.000Z',
    restarts: { kubelet: 1 },
    steps: [
      {
        name: 'start-containerd',
        state: 'done',
        tries: 1,
        startedAt: '2026-01-01T00:00:00.000Z',
        finishedAt: '2026-01-01T00:00:00.250Z',
      },
      { name: 'reach-api-server', state: 'failed', tries: 7, error: 'https://a:1 does not answer' },
      { name: 'ready-node', state: 'pending', tries: 0 },
    ],
  })
  expect(text).toMatchInlineSnapshot(`
    "first-a (worker): joining, 2026-01-01T00:00:09.000Z
    start-containerd  done        0.3 s
    reach-api-server  failed             7 tries  https://a:1 does not answer
    ready-node        pending
    kubelet was started anew 1 times
    "
  `)
})

it('knows no duration of what is not done', () => {
  expect(stepSeconds({ name: 'a', state: 'running', tries: 1, startedAt: '2026-01-01T00:00:00.000Z' })).toBeUndefined()
})
