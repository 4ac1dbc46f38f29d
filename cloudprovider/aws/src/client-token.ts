import { createHash } from 'node:crypto'

/**
 * The idempotency token of the `incarnation`-th server of a machine, from 0: the same for every process and after every restart, different for each cluster, machine and incarnation.
 * EC2 makes one server per token, whoever asks, and remembers it for at least a day after the server has ended.
 */
export function clientToken(owned: Readonly<Record<string, string>>, machineName: string, incarnation: number): string {
  const owner = Object.entries(owned).sort(([left], [right]) => (left < right ? -1 : 1))
  const identity = JSON.stringify(['server', owner, machineName, incarnation])
  return createHash('sha256').update(identity).digest('hex')
}
