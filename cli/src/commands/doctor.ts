import { allChecks } from '../doctor/checks.ts'
import { examine, renderFindings } from '../doctor/doctor.ts'
import type { CommandContext } from './context.ts'

/** Prints what every check found. Resolves with the exit code: 1 when something must be mended first. */
export async function runDoctor({ host, installation, screen }: CommandContext): Promise<number> {
  const findings = await examine(host, allChecks(installation))
  screen.write(`${renderFindings(findings)}\n`)
  return findings.some(({ verdict }) => verdict.kind === 'problem') ? 1 : 0
}
