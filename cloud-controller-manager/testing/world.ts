import type { Node } from '@trellis/api/core/node'
import type { Service } from '@trellis/api/core/service'

/** A node that is ready, or as the changes say. */
export function readyNode(
  name: string,
  changes: Partial<Node['spec'] & object> & { labels?: Record<string, string>; ready?: boolean } = {},
): Node {
  const { labels, ready = true, ...spec } = changes
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, ...(labels === undefined ? {} : { labels }) },
    spec,
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }
}

/** The front door: a Service of type LoadBalancer with a TCP and a UDP port. */
export function frontDoor(changes: Service['spec'] = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-apiserver', namespace: 'shoot' },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'api', protocol: 'TCP', port: 6443, nodePort: 31001 },
        { name: 'tunnel', protocol: 'UDP', port: 51820, nodePort: 31002 },
      ],
      ...changes,
    },
  }
}
