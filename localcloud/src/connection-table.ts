import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import type { NetworkState } from './cloud-network.ts'
import { namespacePath } from './host-network.ts'

/** One tracked flow: who sent to whom, and who answers after translation. */
export interface Flow {
  readonly protocol: 'tcp' | 'udp'
  readonly source: string
  readonly destination: string
  readonly sourcePort: string
  readonly destinationPort: string
  readonly answeredBy: string
}

/** Reads the output of `conntrack -L`. */
export function parseFlows(text: string): readonly Flow[] {
  return text.split('\n').flatMap((line) => {
    const protocol = /^(tcp|udp)\s/.exec(line)?.[1] as Flow['protocol'] | undefined
    const values = (key: string) => [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, 'g'))].map((match) => match[1])
    const [source, answeredBy] = values('src')
    const [destination] = values('dst')
    const [sourcePort] = values('sport')
    const [destinationPort] = values('dport')
    if (!protocol || !source || !destination || !sourcePort || !destinationPort || !answeredBy) return []
    return [{ protocol, source, destination, sourcePort, destinationPort, answeredBy }]
  })
}

/**
 * Flows to load balancers that the present configuration would not make: datagrams to a target that is no longer one (or to none yet) would
 * follow their old translation as long as they keep coming, and connections to a server that is gone would hang instead of being reset.
 */
export function staleFlows(flows: readonly Flow[], state: NetworkState): readonly Flow[] {
  const addressOf = new Map(state.servers.map((server) => [server.id, server.privateAddress]))
  const alive = new Set(addressOf.values())
  return flows.filter((flow) => {
    const balancer = state.loadBalancers.find(({ address }) => address === flow.destination)
    if (balancer === undefined) return false
    if (flow.protocol === 'tcp') return !alive.has(flow.answeredBy) && flow.answeredBy !== balancer.address
    const served = balancer.listeners.some(
      (listener) => listener.protocol === 'UDP' && String(listener.port) === flow.destinationPort,
    )
    return !served || !balancer.targets.some((id) => addressOf.get(id) === flow.answeredBy)
  })
}

/** Makes a network's namespace forget the flows that the present configuration would not make. */
export async function forgetStaleFlows(runner: CommandRunner, namespace: string, state: NetworkState): Promise<void> {
  const conntrack = (...args: readonly string[]) =>
    runner.run('nsenter', [`--net=${namespacePath(namespace)}`, 'conntrack', ...args])
  const listed = await conntrack('-L', '--dst-nat')
  const unanswered = await conntrack('-L', '-p', 'udp')
  for (const result of [listed, unanswered]) {
    if (result.code !== 0) throw new Failure('Unavailable', `conntrack -L in ${namespace}: ${result.stderr.trim()}`)
  }
  const flows = new Map(
    parseFlows(`${listed.stdout}\n${unanswered.stdout}`).map((flow) => [JSON.stringify(flow), flow]),
  )
  for (const flow of staleFlows([...flows.values()], state)) {
    // An entry that has expired meanwhile is as good as a deleted one, so the result does not matter.
    await conntrack(
      '-D',
      '-p',
      flow.protocol,
      '-s',
      flow.source,
      '-d',
      flow.destination,
      '--sport',
      flow.sourcePort,
      '--dport',
      flow.destinationPort,
    )
  }
}
