import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { Cidr } from '../address.ts'

/**
 * Ends the TCP connections that this network namespace has to these networks, on this side alone: whoever has one learns of it at once. Those that
 * are only being opened are left, and so is everything where the kernel was built without INET_DIAG_DESTROY. Throws `Unavailable` when `ss` fails.
 */
export async function endConnections(runner: CommandRunner, networks: readonly Cidr[]): Promise<void> {
  if (networks.length === 0) return
  const filter = networks.flatMap((network, index) => [...(index === 0 ? [] : ['or']), 'dst', network])
  await runOrThrow(runner, 'ss', ['--kill', '--no-header', '--numeric', '--tcp', 'state', 'synchronized', ...filter])
}
