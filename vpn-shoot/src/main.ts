import { createSystemClock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { childSignal, untilAskedToStop } from '@trellis/foundation/lifetime'
import { keepReturningMemory } from '@trellis/foundation/resident-memory'
import { runTunnelProgram } from 'node-wireguard/tunnel/program'
import { configurationParser } from './configuration.ts'
import type { Report } from './report/program.ts'

const args = process.argv.slice(2)
const signal = untilAskedToStop()
// `--report FILE` comes last: what is before belongs to the tunnel.
const reportFile = args.at(-2) === '--report' ? args.splice(-2)[1] : undefined

/** Loaded only where it is used: whoever does not report keeps no client of API servers in memory. */
async function prepareReport(): Promise<Report | undefined> {
  return reportFile === undefined ? undefined : (await import('./report/program.ts')).prepareReport(reportFile)
}

try {
  await using _memory = keepReturningMemory({ clock: createSystemClock() })
  const report = await prepareReport()
  const reporting = childSignal(signal)
  const reported = report?.(reporting.signal)
  try {
    await runTunnelProgram(
      {
        name: 'vpn-shoot',
        parse: configurationParser.parse,
        // A front door and the addresses it translates forget who is behind them unless something is sent now and then.
        role: { networksAre: 'here', keepaliveSeconds: 25 },
        metricPrefix: 'trellis_vpn_',
        ready: 'path',
        leaves: true,
      },
      args,
      signal,
    )
  } finally {
    reporting.abort()
    await reported
  }
} catch (error) {
  process.stderr.write(`vpn-shoot: ${describe(error)}\n`)
  process.exitCode = 1
}
