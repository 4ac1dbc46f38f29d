import { fileURLToPath } from 'node:url'
import { eventually } from './eventually.ts'
import type { Laboratory, Namespace } from './namespaces.ts'

/** A seed, a shoot and the front door between them, as on a cloud whose networks are isolated from each other. */
export interface Landscape {
  /** Pod of the API server, 10.1.0.2 in the seed's pod network. */
  readonly seed: Namespace
  /** Front door: 198.18.0.10 port 51820 leads to the seed's pod; nothing else passes between the two sides. */
  readonly door: Namespace
  /** Worker machine 10.250.0.5; 100.64.0.10 port 443 is a service on it that leads to the pod. */
  readonly node: Namespace
  /** Pod 100.96.0.2 of the tunnel's end. */
  readonly vpn: Namespace
  /** Pod 100.96.0.3 that echoes on port 7. */
  readonly pod: Namespace
}

/** Where things are in the landscape. */
export const places = {
  doorAddress: '198.18.0.10',
  doorPort: 51_820,
  nodeAddress: '10.250.0.5',
  podAddress: '100.96.0.3',
  serviceAddress: '100.64.0.10',
  servicePort: 443,
  echoPort: 7,
  networks: { nodes: ['10.250.0.0/16'], pods: ['100.96.0.0/16'], services: ['100.64.0.0/16'] },
} as const

/** Path of one of the programs beside this file. */
export function testProgram(
  name: 'echo' | 'connect' | 'delay' | 'flood' | 'gaps' | 'probe' | 'stream' | 'wait',
): string {
  return fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
}

/** Builds the landscape. Cables to the front door carry packets of at most 1,500 bytes. */
export async function buildLandscape(laboratory: Laboratory): Promise<Landscape> {
  const [seed, door, node, vpn, pod] = await Promise.all(
    (['seed', 'door', 'node', 'vpn', 'pod'] as const).map((label) => laboratory.namespace(label)),
  )
  if (!seed || !door || !node || !vpn || !pod) throw new RangeError('five namespaces were asked for')
  await laboratory.cable(
    { in: seed, interfaceName: 'eth0', address: '10.1.0.2/24' },
    { in: door, interfaceName: 'seed', address: '10.1.0.1/24' },
  )
  await laboratory.cable(
    { in: node, interfaceName: 'eth0', address: '10.250.0.5/24' },
    { in: door, interfaceName: 'shoot', address: '10.250.0.1/24' },
  )
  await laboratory.cable(
    { in: vpn, interfaceName: 'eth0', address: '100.96.0.2/24' },
    { in: node, interfaceName: 'pod2', address: '100.96.0.1/32' },
  )
  await laboratory.cable(
    { in: pod, interfaceName: 'eth0', address: '100.96.0.3/24' },
    { in: node, interfaceName: 'pod3', address: '100.96.0.1/32' },
  )
  await seed.run('ip', 'route', 'add', 'default', 'via', '10.1.0.1')
  await node.run('ip', 'route', 'add', 'default', 'via', '10.250.0.1')
  await connectPod(node, vpn, '100.96.0.2', 'pod2')
  await connectPod(node, pod, '100.96.0.3', 'pod3')
  await door.run('ip', 'address', 'add', '198.18.0.10/32', 'dev', 'lo')
  for (const router of [door, node]) await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await door.feed(doorRules, 'nft', '-f', '-')
  await node.feed(nodeRules, 'nft', '-f', '-')
  await startEcho(node, '0.0.0.0')
  await startEcho(pod, '0.0.0.0')
  return { seed, door, node, vpn, pod }
}

/** Starts an echo and waits until it answers. */
export async function startEcho(namespace: Namespace, address: string): Promise<void> {
  const child = namespace.start(process.execPath, [testProgram('echo'), address, String(places.echoPort)])
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await eventually('the echo', () => (said.includes('ready') ? true : undefined))
}

/** Points a pod's routes at its node, the way a plugin with a link per pod does. */
async function connectPod(node: Namespace, pod: Namespace, address: string, interfaceName: string): Promise<void> {
  await pod.run('ip', 'route', 'flush', 'dev', 'eth0')
  await pod.run('ip', 'route', 'add', '100.96.0.1', 'dev', 'eth0')
  await pod.run('ip', 'route', 'add', 'default', 'via', '100.96.0.1')
  await node.run('ip', 'route', 'add', `${address}/32`, 'dev', interfaceName)
}

const doorRules = `
table ip front {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 198.18.0.10 udp dport 51820 dnat to 10.1.0.2:51820
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    iifname "shoot" oifname "seed" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ct status dnat accept
  }
}
`

const nodeRules = `
table ip node {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 100.64.0.10 tcp dport 443 dnat to 100.96.0.3:7
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 100.96.0.0/16 ip daddr != 100.96.0.0/16 masquerade
  }
}
`
