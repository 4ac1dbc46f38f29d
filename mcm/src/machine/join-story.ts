import { stripVTControlCharacters } from 'node:util'
import { instantText } from '@trellis/api/conditions'
import type { JoinReport, JoinStep } from '@trellis/api/join-report'
import type { MachineConsole, MachineJoining, MachineJoinStep } from '@trellis/api/machine/story'
import type { Driver, MachineRequest } from '@trellis/cloudprovider/contract/driver'
import { describe, isFailure } from '@trellis/foundation/failure'
import { redact } from '../common/redact.ts'

/** Longest text of one error, and most steps and errors, that a status keeps: reports come from machines, which are not trusted. */
const longestError = 300
const mostSteps = 30
const mostErrors = 5
const mostTries = 2 ** 30

/** Later years have more digits than API servers take. */
const lastInstant = Date.UTC(9999, 0, 1)

/** Lines of a console that are asked for, and the longest text that is kept. */
const consoleLines = 25
const longestLine = 200
const longestConsole = 2500

/**
 * What of a join report a machine's status keeps: it changes when a step does, not when one is merely tried again, so that it costs no
 * write of its own.
 */
export function joiningOf(report: JoinReport): MachineJoining {
  const { cloudInit } = report
  return {
    ...instantAs('bootedAt', report.bootedAt),
    ...instantAs('agentStartedAt', report.startedAt),
    state: report.state,
    ...(cloudInit === undefined
      ? {}
      : {
          cloudInit: {
            state: cloudInit.state,
            ...instantAs('finishedAt', cloudInit.finishedAt),
            ...(cloudInit.errors === undefined ? {} : { errors: cloudInit.errors.slice(0, mostErrors).map(harmless) }),
          },
        }),
    steps: report.steps.slice(0, mostSteps).map(stepOf),
  }
}

/** A step that failed and runs again still counts as failed: what matters is why. */
function stepOf({ name, state, startedAt, finishedAt, tries, error }: JoinStep): MachineJoinStep {
  const about = 2 ** Math.floor(Math.log2(Math.min(Math.max(1, tries), mostTries)))
  const failing = error !== undefined && state !== 'done'
  return {
    name: name.slice(0, 60),
    state: failing ? 'failed' : state,
    ...instantAs('startedAt', startedAt),
    ...(failing ? {} : instantAs('finishedAt', finishedAt)),
    ...(about > 1 ? { tries: about } : {}),
    ...(error === undefined ? {} : { error: harmless(error) }),
  }
}

/** An instant that a machine tells, if it is one: API servers refuse a status with any other text in its place. */
function instantAs<Name extends string>(name: Name, text: string | undefined): { readonly [Key in Name]?: string } {
  const instant = Date.parse(text ?? '')
  if (!(instant >= 0 && instant <= lastInstant)) return {}
  return { [name]: new Date(instant).toISOString() } as { readonly [Key in Name]?: string }
}

/** How cloud-init went, for people; undefined when it went well or is not known. */
export function cloudInitTrouble({ cloudInit }: JoinReport): string | undefined {
  if (cloudInit?.state !== 'error' && cloudInit?.state !== 'degraded') return undefined
  return `cloud-init ended with state ${cloudInit.state}: ${(cloudInit.errors ?? []).map(harmless).join('; ')}`
}

function harmless(text: string): string {
  return redact(text).slice(0, longestError)
}

/** The last lines of a server's console without secrets; undefined when the driver cannot tell. Never throws but for an aborted signal. */
export async function takeConsole(
  driver: Driver,
  request: MachineRequest,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
): Promise<MachineConsole | undefined> {
  if (driver.getConsoleOutput === undefined) return undefined
  const time = instantText(now)
  try {
    const text = await driver.getConsoleOutput(request, consoleLines, { signal })
    return { time, ...tidy(text, Object.values(request.secret)) }
  } catch (error) {
    signal.throwIfAborted()
    if (isFailure(error, 'Unimplemented')) return undefined
    return { time, text: harmless(`(the console could not be read: ${describe(error)})`) }
  }
}

/** Console text without colours, control characters and secrets, cut to its last lines. */
export function tidy(text: string, secrets: readonly string[]): Pick<MachineConsole, 'text' | 'cut'> {
  const plain = stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, '')
  const lines = redact(plain, secrets)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-consoleLines)
    .map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line))
  let kept = lines.join('\n')
  while (kept.length > longestConsole) kept = lines.slice(1 + lines.length - kept.split('\n').length).join('\n')
  return kept.length < lines.join('\n').length ? { text: kept, cut: true } : { text: kept }
}
