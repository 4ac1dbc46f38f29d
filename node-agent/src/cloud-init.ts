import type { CloudInitResult } from '@trellis/api/join-report'
import type { Disk } from './disk.ts'

/** Where cloud-init puts its result, once, when all its stages have ended; and how its stages went. */
const resultPath = '/run/cloud-init/result.json'
const stagesPath = '/run/cloud-init/status.json'

/** What is told of errors: enough to find the cause, little enough for an object of the API. */
const mostErrors = 5
const longestError = 300

/** Resolves with cloud-init's result once there is one; rejects with the signal's reason when that aborts first. */
export async function awaitCloudInit(disk: Disk, signal: AbortSignal): Promise<CloudInitResult> {
  await disk.appeared(resultPath, signal)
  return parseCloudInit((await disk.read(resultPath)) ?? '', (await disk.read(stagesPath)) ?? '')
}

/** Reads cloud-init's two files. Errors win over complaints; files that cannot be read say nothing bad. */
export function parseCloudInit(result: string, stages: string): CloudInitResult {
  const errors = textsOf(parse(result).errors)
  const named = Object.values(parse(stages)).filter(isRecord)
  const complaints = named.flatMap((stage) =>
    Object.values(isRecord(stage.recoverable_errors) ? stage.recoverable_errors : {}).flatMap(textsOf),
  )
  const finished = Math.max(0, ...named.map(({ finished }) => (typeof finished === 'number' ? finished : 0)))
  const said = (errors.length > 0 ? errors : complaints).slice(0, mostErrors)
  return {
    state: errors.length > 0 ? 'error' : complaints.length > 0 ? 'degraded' : 'done',
    ...(finished === 0 ? {} : { finishedAt: new Date(finished * 1000).toISOString() }),
    ...(said.length === 0 ? {} : { errors: said.map((text) => text.slice(0, longestError)) }),
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const { v1 } = JSON.parse(text) as { v1?: unknown }
    return isRecord(v1) ? v1 : {}
  } catch {
    return {}
  }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
