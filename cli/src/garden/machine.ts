import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import { InvariantError } from '@trellis/foundation/failure'
import { garden } from './garden.ts'
import type { GardenKeys } from './keys.ts'

/** Versions and references that the garden's machine needs to know. */
export interface GardenParts {
  readonly kubernetesVersion: string
  /** References by short name, as `distribution` lists them. */
  readonly images: Readonly<Record<string, string>>
}

/** What the node agent of the garden's machine is told: make a one-node cluster that answers at `address`. */
export function gardenMachine(address: string, keys: GardenKeys, parts: GardenParts): NodeAgentConfiguration {
  return {
    version: 1,
    role: 'control-plane',
    machineName: garden.machine,
    nodeLabels: {},
    nodeTaints: [],
    clusterDns: [garden.clusterDns],
    clusterDomain: garden.clusterDomain,
    maxPods: 250,
    features: {},
    images: { sandbox: imageOf(parts, 'pause') },
    controlPlane: {
      clusterName: garden.name,
      kubernetesVersion: parts.kubernetesVersion,
      endpoint: { host: address, port: garden.apiPort },
      networks: garden.networks,
      pki: {
        ca: authority(keys.clusterAuthority),
        frontProxyCa: authority(keys.frontProxyAuthority),
        etcdCa: authority(keys.etcdAuthority),
        serviceAccountKey: { privateKey: keys.serviceAccountKey },
      },
      etcdImageTag: tagOf(imageOf(parts, 'etcd')),
      coreDnsImageTag: tagOf(imageOf(parts, 'coredns')),
    },
    beacon: { namespace: 'kube-system', name: `trellis-join-${garden.machine}` },
  }
}

function authority(pair: { readonly certificate: string; readonly privateKey: string }) {
  return { certificate: pair.certificate, key: pair.privateKey }
}

function imageOf(parts: GardenParts, name: string): string {
  const reference = parts.images[name]
  if (reference === undefined) throw new InvariantError(`the distribution lists no image ${name}`)
  return reference
}

function tagOf(reference: string): string {
  return reference.slice(reference.lastIndexOf(':') + 1)
}
