import { readTunnelReports, tunnelReportLifeMilliseconds } from '@trellis/api/tunnel-report'

/**
 * What the shoot's ends of the tunnel say of it, in one line without instants: who reads that the API server does not reach the nodes wants to know from which side it fails. Ends that are gone
 * leave their reports behind, so only living ones are heard.
 */
export function shootEndSays(data: Readonly<Record<string, string>>, now: number): string {
  const living = [...readTunnelReports(data)].filter(
    ([, { reportedAt }]) => now - Date.parse(reportedAt) < tunnelReportLifeMilliseconds,
  )
  if (living.length === 0) {
    return "the shoot's end of the tunnel has not reported for minutes: it does not run, or does not reach the API server either"
  }
  const sentences = living.map(([end, { up, reason, explanation }]) =>
    up ? `${end} says that the tunnel is up` : `${end} says ${reason}: ${explanation}`,
  )
  return sentences.sort().join('; ')
}
