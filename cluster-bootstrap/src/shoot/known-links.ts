import { readTunnelReports, type TunnelReport, tunnelReportLifeMilliseconds } from '@trellis/api/tunnel-report'

/** How far the shoot's ends of the tunnel are to be with links to ends in the seed: they have them, or these answer. */
export type LinkStage = 'known' | 'up'

/**
 * What is still missing until every end in the shoot that lives has links to all `peers`; undefined when nothing is, also when no end tells of its links: then there is nothing to wait for.
 */
export function missingLinks(
  data: Readonly<Record<string, string>>,
  wanted: { readonly peers: readonly string[]; readonly stage: LinkStage; readonly now: number },
): string | undefined {
  const { peers, stage, now } = wanted
  const living = [...readTunnelReports(data)].filter(
    ([, report]) => now - Date.parse(report.reportedAt) < tunnelReportLifeMilliseconds,
  )
  const isThere = ({ peers: answers = {} }: TunnelReport, peer: string) =>
    stage === 'known' ? answers[peer] !== undefined : answers[peer] === true
  const missing = living.flatMap(([end, report]) =>
    report.peers === undefined ? [] : peers.filter((peer) => !isThere(report, peer)).map((peer) => `${end} to ${peer}`),
  )
  return missing.length === 0 ? undefined : `links are not ${stage} yet: ${missing.sort().join(', ')}`
}
