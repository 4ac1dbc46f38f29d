import { createSystemClock } from '@trellis/foundation/clock'
import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { keepReturningMemory } from '@trellis/foundation/resident-memory'
import { runTunnelProgram } from 'node-wireguard/tunnel/program'
import { configurationParser } from './configuration.ts'

try {
  await using _memory = keepReturningMemory({ clock: createSystemClock() })
  // A program of its own, which needs none of the tunnel's rights. Loaded lazily: neither process holds the code of the other.
  if (process.argv[2] === 'http-connect') {
    const { runHttpConnectProgram } = await import('./http-connect/program.ts')
    await runHttpConnectProgram(process.argv.slice(3), untilAskedToStop())
  } else {
    await runTunnelProgram(
      {
        name: 'vpn-seed',
        parse: configurationParser.parse,
        role: { networksAre: 'behind-peers', keepaliveSeconds: 0 },
        metricPrefix: 'trellis_vpn_',
        // The API server shares this pod and must be reachable before any tunnel is up.
        ready: 'configured',
        // Nobody has another way to this API server.
        leaves: false,
      },
      process.argv.slice(2),
      untilAskedToStop(),
    )
  }
} catch (error) {
  process.stderr.write(`vpn-seed: ${describe(error)}\n`)
  process.exitCode = 1
}
