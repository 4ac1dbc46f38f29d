import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { createProgressView } from './progress-view.ts'
import { renderTree, type TaskView } from './task-line.ts'

const clock = createVirtualClock()
const start = clock.now()

describe('renderTree', () => {
  it('shows state, seconds, tries and the last error', () => {
    const tasks: readonly TaskView[] = [
      { id: 'parts', state: 'Succeeded', startedAt: start, finishedAt: start + 1500, tries: 1, detail: '9 present' },
      {
        id: 'shoot',
        state: 'Running',
        startedAt: start + 1500,
        tries: 2,
        lastError: 'refused',
        children: [{ id: 'etcd', state: 'Pending', tries: 0 }],
      },
    ]
    expect(renderTree(tasks, start + 4000, 80)).toEqual([
      '✓ parts 1.5 s — 9 present',
      '> shoot 2.5 s (try 2) — refused',
      '  · etcd',
    ])
  })

  it('never exceeds the width', () => {
    const [line] = renderTree([{ id: 'x'.repeat(100), state: 'Running', tries: 1 }], start, 20)
    expect(line).toHaveLength(20)
  })
})

describe('createProgressView', () => {
  it('writes one line for each change when it is not a terminal', () => {
    const written: string[] = []
    const view = createProgressView({ clock, screen: { write: (text) => written.push(text), size: () => undefined } })
    view.show([{ id: 'parts', state: 'Pending', tries: 0 }])
    view.show([{ id: 'parts', state: 'Running', startedAt: clock.now(), tries: 1 }])
    view.show([{ id: 'parts', state: 'Running', startedAt: clock.now(), tries: 1 }])
    view.show([{ id: 'parts', state: 'Succeeded', startedAt: clock.now(), finishedAt: clock.now(), tries: 1 }])
    expect(written).toEqual(['> parts 0.0 s\n', '✓ parts 0.0 s\n'])
  })

  it('redraws in place on a terminal', async () => {
    const written: string[] = []
    const screen = { write: (text: string) => written.push(text), size: () => ({ columns: 40, rows: 10 }) }
    const view = createProgressView({ clock, screen })
    view.show([{ id: 'parts', state: 'Running', startedAt: clock.now(), tries: 1 }])
    await clock.advance(200)
    view[Symbol.dispose]()
    expect(written[0]).toBe('\u001b[2K> parts 0.0 s\n\u001b[J')
    expect(written[1]).toBe('\u001b[1A\u001b[2K> parts 0.2 s\n\u001b[J')
    expect(clock.pending()).toEqual([])
  })
})
