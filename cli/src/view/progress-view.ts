import type { Clock, Timer } from '@trellis/foundation/clock'
import { renderTask, renderTree, type TaskView } from './task-line.ts'

/** Where progress is written. */
export interface Screen {
  write(text: string): void
  /** Size in characters of a terminal; undefined when it is a file or a pipe. */
  size(): { readonly columns: number; readonly rows: number } | undefined
}

/** Shows a task tree while it changes. */
export interface ProgressView extends Disposable {
  /** Takes the present tree. */
  show(tasks: readonly TaskView[]): void
}

const frameMilliseconds = 200

/** A tree that redraws itself on a terminal; on anything else one plain line whenever a task changes its state. */
export function createProgressView(ports: { readonly clock: Clock; readonly screen: Screen }): ProgressView {
  return ports.screen.size() === undefined ? createPlainView(ports) : createLiveView(ports)
}

function createPlainView({ clock, screen }: { readonly clock: Clock; readonly screen: Screen }): ProgressView {
  const seen = new Map<string, string>()
  const visit = (tasks: readonly TaskView[], path: string): void => {
    for (const task of tasks) {
      const name = path === '' ? task.id : `${path} / ${task.id}`
      const mark = `${task.state} ${task.tries} ${task.state === 'Running' ? (task.detail ?? '') : ''}`
      if (task.state !== 'Pending' && seen.get(name) !== mark) {
        seen.set(name, mark)
        screen.write(`${renderTask({ ...task, id: name }, clock.now())}\n`)
      }
      visit(task.children ?? [], name)
    }
  }
  return { show: (tasks) => visit(tasks, ''), [Symbol.dispose]: () => {} }
}

function createLiveView({ clock, screen }: { readonly clock: Clock; readonly screen: Screen }): ProgressView {
  let tasks: readonly TaskView[] = []
  let drawn = 0
  let timer: Timer | undefined
  const draw = (): void => {
    const { columns, rows } = screen.size() ?? { columns: 80, rows: 24 }
    const lines = fit(renderTree(tasks, clock.now(), columns - 1), rows - 1)
    const up = drawn > 0 ? `\u001b[${drawn}A` : ''
    screen.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`)
    drawn = lines.length
  }
  const tick = (): void => {
    draw()
    timer = clock.setTimer(frameMilliseconds, tick, { unref: true })
  }
  return {
    show: (next) => {
      tasks = next
      if (timer === undefined) tick()
    },
    [Symbol.dispose]: () => {
      timer?.cancel()
      if (timer !== undefined) draw()
    },
  }
}

/** The last `rows` lines: what runs now stands at the end. */
function fit(lines: readonly string[], rows: number): readonly string[] {
  return lines.length <= rows ? lines : lines.slice(lines.length - rows)
}
