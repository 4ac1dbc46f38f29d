import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

/** Where the shoot's ends of the tunnel report: a ConfigMap of the shoot, with a key for each end. */
export const tunnelReportPlace = { namespace: 'kube-system', name: 'vpn-shoot-report' } as const

/** A report that is older than this says nothing any more: its writer is gone, or has no way to the API server. */
export const tunnelReportLifeMilliseconds = 150_000

/** Schema of what an end of the tunnel tells about it. Unknown fields are accepted: newer ends may say more. */
export const tunnelReportSchema = Type.Object({
  up: Type.Boolean({ description: 'Whether the other end answers.' }),
  reason: Type.String({ description: 'What is the matter, as in no-answer; connected when nothing is.' }),
  explanation: Type.String({ description: 'The same for people.' }),
  peers: Type.Optional(
    Type.Record(Type.String(), Type.Boolean(), {
      description: 'The other ends by name, as in vpn-seed, vpn-seed-1: whether each answers by some link.',
    }),
  ),
  reportedAt: Type.String({ description: 'RFC 3339; renewed every minute.' }),
})

/** What an end of the tunnel tells about it, without the tunnel: by its own connection to the API server. */
export type TunnelReport = Static<typeof tunnelReportSchema>

const parser = createParser(tunnelReportSchema, 'report of an end of the tunnel')

/** The reports in the ConfigMap's data, by end; what cannot be read is left out. */
export function readTunnelReports(data: Readonly<Record<string, string>>): ReadonlyMap<string, TunnelReport> {
  return new Map(
    Object.entries(data).flatMap(([end, text]) => {
      const report = readReport(text)
      return report === undefined ? [] : [[end, report] as const]
    }),
  )
}

function readReport(text: string): TunnelReport | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return parser.fits(value) ? value : undefined
  } catch {
    return undefined
  }
}
