import { isIP } from 'node:net'
import { runOrThrow } from '@trellis/foundation/command'
import type { AgentContext } from '../context.ts'
import { apiServerPort } from '../render/kubeadm.ts'
import type { Step } from '../runner.ts'

/** How the cluster's public endpoint is reached on the control plane itself. */
export type LocalEndpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'route'; readonly address: string }
  | { readonly kind: 'host-entry'; readonly name: string; readonly address: string }

/**
 * Decides how the machine reaches its own API server under the cluster's endpoint. The endpoint is a load balancer that may not lead here until the
 * machine is up, and that may not lead a machine back to itself at all; so on this machine the endpoint's name or address means the machine.
 * Where the load balancer listens on another port than the API server this cannot be done.
 */
export function decideLocalEndpoint(host: string, port: number, machineAddress: string): LocalEndpoint {
  if (port !== apiServerPort || host === machineAddress) return { kind: 'none' }
  if (isIP(host) !== 0) return { kind: 'route', address: host }
  return { kind: 'host-entry', name: host, address: machineAddress }
}

/** Lets the cluster's endpoint mean this machine, on this machine. */
export function localEndpoint(context: AgentContext): Step {
  const { configuration, facts, runner, disk } = context
  return {
    name: 'local-endpoint',
    after: [],
    run: async (signal) => {
      const endpoint = configuration.controlPlane?.endpoint
      if (endpoint === undefined) return
      const decision = decideLocalEndpoint(endpoint.host, endpoint.port, configuration.nodeAddress ?? facts.address)
      if (decision.kind === 'route') {
        const route = ['route', 'replace', 'local', decision.address, 'dev', 'lo', 'table', 'local']
        await runOrThrow(runner, 'ip', isIP(decision.address) === 6 ? ['-6', ...route] : route, { signal })
      } else if (decision.kind === 'host-entry') {
        const hosts = (await disk.read('/etc/hosts')) ?? ''
        await disk.write('/etc/hosts', withHostEntry(hosts, decision.name, decision.address), 0o644)
      }
    },
  }
}

/** The text of a hosts file in which `name` means `address` and nothing else. */
export function withHostEntry(hosts: string, name: string, address: string): string {
  const others = hosts.split('\n').filter((line) => line !== '' && !line.split(/\s+/).slice(1).includes(name))
  return [...others, `${address} ${name}`, ''].join('\n')
}
