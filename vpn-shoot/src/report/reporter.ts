import { isDeepStrictEqual } from 'node:util'
import { instantText } from '@trellis/api/conditions'
import { configMaps } from '@trellis/api/core/configuration'
import { type TunnelReport, tunnelReportPlace } from '@trellis/api/tunnel-report'
import type { Clock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Client } from '@trellis/kubernetes/client'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'

/** What a report says, without its instant. */
export type TunnelView = Omit<TunnelReport, 'reportedAt'>

/** What reporting needs. */
export interface ReporterOptions {
  readonly clock: Clock
  readonly log: Log
  readonly client: Pick<Client, 'patch'>
  /** Name of this end. */
  readonly end: string
  /** How the tunnel looks from here; undefined while that is not known. Throws when it cannot be asked. */
  readonly look: (signal: AbortSignal) => Promise<TunnelView | undefined>
}

const lookMilliseconds = 2_000
/** A report is renewed this often, so that its age tells whether its writer lives. */
const renewalMilliseconds = 60_000
/** After a failure: whoever cannot write has time. */
const retryMilliseconds = 10_000

/** What of a status is told. */
export function viewOf({ up, reason, explanation, links }: TunnelStatus): TunnelView {
  const names = [...new Set(links.filter(({ outgoing }) => !outgoing).map(({ peer }) => peer))].sort()
  const answers = (name: string) => links.some((link) => link.peer === name && link.up)
  return { up, reason, explanation, peers: Object.fromEntries(names.map((name) => [name, answers(name)])) }
}

/** Whether a view is to be written, when that was last done so. */
export function isDue(
  view: TunnelView,
  written: { readonly view: TunnelView; readonly at: number } | undefined,
  now: number,
): boolean {
  if (written === undefined || now - written.at >= renewalMilliseconds) return true
  const { up, reason, peers } = written.view
  return view.up !== up || view.reason !== reason || !isDeepStrictEqual(view.peers, peers)
}

/**
 * Tells the API server how the tunnel looks from this end, by this pod's own connection: at once when it changes, and every minute. Never throws: the tunnel does not depend on it. A failure is
 * logged once, until it changes.
 */
export async function runReporter(options: ReporterOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, end } = options
  let written: { readonly view: TunnelView; readonly at: number } | undefined
  let problem: string | undefined
  const tell = async (): Promise<void> => {
    const view = await options.look(signal)
    const now = clock.now()
    if (view === undefined || !isDue(view, written, now)) return
    const report: TunnelReport = { ...view, reportedAt: instantText(now) }
    await options.client.patch(configMaps, tunnelReportPlace, { data: { [end]: JSON.stringify(report) } })
    written = { view, at: now }
  }
  while (!signal.aborted) {
    const failed = await tell().then(() => undefined, describe)
    if (failed !== undefined && failed !== problem)
      log.warn({ problem: failed }, 'the state of the tunnel could not be reported')
    problem = failed
    await clock.sleep(failed === undefined ? lookMilliseconds : retryMilliseconds, signal).catch(() => undefined)
  }
}
