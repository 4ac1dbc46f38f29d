import { createSystemClock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { keepReturningMemory } from '@trellis/foundation/resident-memory'
import { runTunnelProgram } from 'node-wireguard/tunnel/program'
import { configurationParser } from './configuration.ts'

try {
  await using _memory = keepReturningMemory({ clock: createSystemClock() })
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
    process.argv.slice(2),
    untilAskedToStop(),
  )
} catch (error) {
  process.stderr.write(`vpn-shoot: ${describe(error)}\n`)
  process.exitCode = 1
}
