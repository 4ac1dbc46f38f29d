import type { CloudInitResult, JoinReport, JoinStep } from '@trellis/api/join-report'
import type { Clock } from '@trellis/foundation/clock'

/** The report of this machine, as it grows. */
export interface Report {
  /** As it is now. */
  current(): JoinReport
  /** Replaces the steps. */
  setSteps(steps: readonly JoinStep[]): void
  setState(state: JoinReport['state']): void
  /** Notes how cloud-init ended. */
  setCloudInit(result: CloudInitResult): void
  /** Counts a restart of a unit. */
  countRestart(unit: string): void
}

/** Begins a report. `onChange` is called with the whole report at each change. */
export function createReport(
  clock: Clock,
  start: Pick<JoinReport, 'machine' | 'role'> & { readonly bootedAt: number | undefined; readonly startedAt: number },
  onChange: (report: JoinReport) => void,
): Report {
  let report: JoinReport = {
    machine: start.machine,
    role: start.role,
    state: 'joining',
    ...(start.bootedAt === undefined ? {} : { bootedAt: instant(start.bootedAt) }),
    startedAt: instant(start.startedAt),
    updatedAt: instant(clock.now()),
    restarts: {},
    steps: [],
  }
  const change = (part: Partial<JoinReport>) => {
    report = { ...report, ...part, updatedAt: instant(clock.now()) }
    onChange(report)
  }
  return {
    current: () => report,
    setSteps: (steps) => change({ steps: [...steps] }),
    setState: (state) => change({ state }),
    setCloudInit: (cloudInit) => change({ cloudInit }),
    countRestart: (unit) => change({ restarts: { ...report.restarts, [unit]: (report.restarts[unit] ?? 0) + 1 } }),
  }
}

/** An instant as it stands in reports. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

/** How long a step took, in seconds; undefined while it is not done. */
export function stepSeconds(step: JoinStep): number | undefined {
  if (step.state !== 'done' || step.startedAt === undefined || step.finishedAt === undefined) return undefined
  return (Date.parse(step.finishedAt) - Date.parse(step.startedAt)) / 1000
}

/** A report as a table for people. */
export function renderReport(report: JoinReport): string {
  const width = Math.max(4, ...report.steps.map(({ name }) => name.length))
  const rows = report.steps.map((step) => {
    const seconds = stepSeconds(step)
    const columns = [
      step.name.padEnd(width),
      step.state.padEnd(7),
      (seconds === undefined ? '' : `${seconds.toFixed(1)} s`).padStart(8),
      step.tries > 1 ? `${step.tries} tries` : '',
      step.error ?? '',
    ]
    return columns.join('  ').trimEnd()
  })
  const restarts = Object.entries(report.restarts).map(([unit, count]) => `${unit} was started anew ${count} times`)
  const { state = '', errors = [] } = report.cloudInit ?? {}
  const cloudInit = state === '' ? [] : [`cloud-init: ${[state, ...errors].join('; ')}`]
  const head = `${report.machine} (${report.role}): ${report.state}, ${report.updatedAt}`
  return [head, ...cloudInit, ...rows, ...restarts, ''].join('\n')
}
