import { Failure } from '@trellis/foundation/failure'
import type { Check, HostView, Verdict } from './check.ts'

/** A check with what it found. */
export interface Finding {
  readonly name: string
  readonly verdict: Verdict
}

/** Asks every check; a check that fails to ask is a problem itself. */
export function examine(host: HostView, checks: readonly Check[]): Promise<readonly Finding[]> {
  return Promise.all(checks.map(async (check) => ({ name: check.name, verdict: await check.ask(host) })))
}

/** Throws the first problem, so that nothing is begun that cannot be finished. */
export function requireHealthy(findings: readonly Finding[]): void {
  for (const { name, verdict } of findings) {
    if (verdict.kind === 'problem')
      throw new Failure('Invalid', `${name}: ${verdict.found}`, { remedy: verdict.remedy })
  }
}

/** Throws unless the process may change the host: before anything of it is touched. */
export function requireRoot(host: Pick<HostView, 'userId'>): void {
  if (host.userId !== 0) {
    throw new Failure('Unauthorized', 'this changes networks, mounts and processes of the host', {
      remedy: 'run it as root, for example with sudo',
    })
  }
}

/** One line for each finding. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const marks = { well: 'ok  ', warning: 'note', problem: 'FAIL' }
  return findings
    .map(({ name, verdict }) => {
      const remedy = verdict.kind === 'well' ? '' : `\n       ${' '.repeat(width)}  ${verdict.remedy}`
      return `${marks[verdict.kind]}   ${name.padEnd(width)}  ${verdict.found}${remedy}`
    })
    .join('\n')
}
