import type { InfrastructureNames } from '../names.ts'
import type { InfrastructureTask, Scene } from '../scene.ts'
import { descriptionOf, keep, linkOf, networkOf, same } from './keep.ts'

interface Allowed {
  readonly IPProtocol: string
  readonly ports: readonly string[]
}

interface Rule {
  readonly sourceRanges: readonly string[]
  readonly allowed: readonly Allowed[]
}

/** Ranges from which the cloud's load balancers look whether nodes are well. */
const healthCheckers = ['35.191.0.0/16', '130.211.0.0/22', '209.85.152.0/22', '209.85.204.0/22']

/** Ports that Kubernetes opens on nodes for services. */
const nodePorts = '30000-32767'

const any = (IPProtocol: string): Allowed => ({ IPProtocol, ports: [] })
const ports = (IPProtocol: string, ...list: readonly string[]): Allowed => ({ IPProtocol, ports: list })

/** Nodes and pods of the shoot reach its nodes. */
const internal = firewall('firewall/internal', 'firewallInternal', ({ wanted, request }) => ({
  sourceRanges: [wanted.nodes, request.networks.pods, ...(wanted.internal === undefined ? [] : [wanted.internal])],
  allowed: [any('icmp'), any('ipip'), ports('tcp', '1-65535'), ports('udp', '1-65535')],
}))

/** Everybody reaches what the shoot's nodes serve to the web. */
const external = firewall('firewall/external', 'firewallExternal', () => ({
  sourceRanges: ['0.0.0.0/0'],
  allowed: [ports('tcp', '80', '443')],
}))

/** The cloud's load balancers see which nodes are well. */
const health = firewall('firewall/health', 'firewallHealth', () => ({
  sourceRanges: healthCheckers,
  allowed: [ports('tcp', nodePorts), ports('udp', nodePorts)],
}))

/** Rules that let traffic reach the shoot's nodes, and no other machine of the network. */
export const firewalls: readonly InfrastructureTask[] = [internal, external, health]

type FirewallName = 'firewallInternal' | 'firewallExternal' | 'firewallHealth'

function firewall(
  what: string,
  key: FirewallName & keyof InfrastructureNames,
  ruleOf: (scene: Scene) => Rule,
): InfrastructureTask {
  const fields = (scene: Scene) => ({ ...ruleOf(scene), targetTags: [scene.names.tag] })
  return keep({
    what,
    sort: 'Firewalls',
    name: ({ names }) => names[key],
    usualName: ({ names }) => names[key],
    body: async (scene) => ({
      description: descriptionOf(scene),
      network: linkOf(scene, 'networks', networkOf(scene)),
      direction: 'INGRESS',
      priority: 1000,
      ...fields(scene),
    }),
    drifts: async (scene, found) => {
      const wanted = fields(scene)
      const [field] = Object.entries(wanted).flatMap(([name, value]) => (sameRule(found[name], value) ? [] : [name]))
      return field === undefined ? [] : [{ field, mend: () => scene.client.patch('Firewalls', found.name, wanted) }]
    },
  })
}

/** Ranges come back in any order, and protocols without ports with an empty list or none. */
function sameRule(present: unknown, wanted: unknown): boolean {
  const normal = (value: unknown) =>
    Array.isArray(value)
      ? value.map((one: unknown) =>
          typeof one === 'string'
            ? one
            : { IPProtocol: (one as Allowed).IPProtocol, ports: (one as Allowed).ports ?? [] },
        )
      : value
  return same(normal(present), normal(wanted))
}
