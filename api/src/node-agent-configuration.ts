import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import { taintSchema } from './machine/common.ts'
import { isLabelValue } from './names.ts'
import { choice, complete, flag, list, optional, text, textMap } from './schema-parts.ts'

/** Where cloud-init leaves what the machines of a pool have in common, mode 0600. */
export const nodeAgentConfigurationPath = '/etc/trellis/node-agent.json'

/** Where cloud-init leaves what belongs to one machine alone, mode 0600: fields of the same schema that are laid over the configuration. */
export const machineIdentityPath = '/etc/trellis/machine.json'

/** What stands in user-data for the machine's own bootstrap token until the machine controller fills it in. */
export const bootstrapTokenPlaceholder = '<<BOOTSTRAP_TOKEN>>'

/** What stands in user-data for the machine's name until the machine controller fills it in. */
export const machineNamePlaceholder = '<<MACHINE_NAME>>'

/** Refuses keys that are not named. */
const closed = { additionalProperties: false }

/** A certificate authority with the key that signs. */
const authoritySchema = complete(
  'A certificate authority.',
  { certificate: text('PEM.', { minLength: 1 }), key: text('PEM.', { minLength: 1 }) },
  closed,
)

/** How a worker joins. */
const workerSchema = complete(
  'How a worker joins its cluster by TLS bootstrap.',
  {
    apiServer: text('URL of the API server.', { pattern: '^https://' }),
    caBundle: text('PEM of the authorities that the API server may prove itself by.', { minLength: 1 }),
    clientCaBundle: optional(
      text(
        'PEM of the authorities of those who may call the kubelet, the API server first of all; caBundle when absent.',
        {
          minLength: 1,
        },
      ),
    ),
    bootstrapToken: text('Token for the first request, or its placeholder.', { minLength: 1 }),
  },
  closed,
)

/** What a one-node cluster is made of. */
const controlPlaneSchema = complete(
  'The one-node cluster that a control-plane machine makes of itself.',
  {
    clusterName: optional(text('Name of the cluster; trellis unless told.')),
    kubernetesVersion: text('Version with v, as in v1.37.2.', { pattern: '^v[0-9]+\\.[0-9]+\\.[0-9]+' }),
    endpoint: complete(
      'Where clients reach the API server.',
      { host: text('Address or name.', { minLength: 1 }), port: Type.Integer({ minimum: 1, maximum: 65535 }) },
      closed,
    ),
    certificateNames: optional(
      list('Further names and addresses in the certificate of the API server.', text('DNS name or address.')),
    ),
    networks: complete(
      'Address ranges of the cluster.',
      { nodes: text('CIDR.'), pods: text('CIDR.'), services: text('CIDR.') },
      closed,
    ),
    pki: complete(
      'Authorities and keys, made by whoever makes the machine so that they know them before it runs.',
      {
        ca: authoritySchema,
        frontProxyCa: authoritySchema,
        etcdCa: authoritySchema,
        serviceAccountKey: complete(
          'Signs tokens of service accounts.',
          { publicKey: optional(text('PEM; derived from the private key when absent.')), privateKey: text('PEM.') },
          closed,
        ),
      },
      closed,
    ),
    imageRepository: optional(text('Where the images of Kubernetes come from; registry.k8s.io when absent.')),
    etcdImageTag: text('Tag of the etcd image.'),
    coreDnsImageTag: text('Tag of the CoreDNS image.'),
    defaultStorageClass: optional(
      text("Name of the storage class that keeps volumes on this machine's disk; default when absent."),
    ),
    extraApiServerArguments: optional(textMap('Further arguments of the API server, without dashes.')),
  },
  closed,
)

/** Schema of the file that cloud-init writes and the node agent reads. */
export const nodeAgentConfigurationSchema = complete(
  'What the node agent is to make of its machine.',
  {
    version: Type.Literal(1),
    role: choice('Whether the machine joins a cluster or makes one.', ['worker', 'control-plane']),
    machineName: text('Name of the machine, or its placeholder; its node is called so too unless nodeName is there.', {
      minLength: 1,
    }),
    nodeName: optional(
      text(
        'Name of the node where it is not that of the machine, as in {localHostname}; {localHostname} becomes the host name that the instance metadata told cloud-init.',
        { minLength: 1 },
      ),
    ),
    nodeLabels: textMap('Labels that the kubelet registers with.'),
    nodeTaints: list('Taints that the kubelet registers with.', taintSchema),
    nodeAnnotations: optional(textMap('Annotations of the node.')),
    nodeAddress: optional(text('Address of the node; the one that its default route leaves from when absent.')),
    providerId: optional(
      text(
        'Identifier of the server at the cloud, as in local:///{instanceId}; {instanceId} becomes what the instance metadata told cloud-init, {machineName} the name of the machine.',
      ),
    ),
    clusterDns: list('Addresses of the cluster DNS.', Type.String()),
    clusterDomain: text('Domain of the cluster DNS, as in cluster.local.'),
    podCidr: optional(text('Address range of the pods of this node; asked from the cluster when absent.')),
    maxPods: Type.Integer({ minimum: 1, maximum: 1000 }),
    kubeletExtra: optional(
      Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        description: 'Fields laid over the KubeletConfiguration.',
      }),
    ),
    features: optional(
      complete(
        'What the environment needs; found out on the machine where absent.',
        {
          userNamespaceKubelet: optional(flag('Makes the kubelet ignore what a container may not set.')),
          cgroupV1: optional(flag('Lets the kubelet run on cgroup v1.')),
        },
        closed,
      ),
    ),
    images: complete(
      'Images of this machine.',
      {
        sandbox: text('The pause image.', { minLength: 1 }),
        archives: optional(
          list(
            'Preloaded archives to import, by file name without .tar, * standing for any characters, in this order; all of them when absent.',
            text('Name or pattern.', { minLength: 1 }),
          ),
        ),
      },
      closed,
    ),
    worker: optional(workerSchema),
    controlPlane: optional(controlPlaneSchema),
    beacon: optional(
      complete(
        'The ConfigMap in which the agent reports each step of joining; trellis-join-<machine> in kube-system when absent.',
        { namespace: text('Its namespace.'), name: text('Its name, or one with the placeholder.') },
        closed,
      ),
    ),
  },
  closed,
)

/** What the node agent is to make of its machine: the contract between who writes user-data and the agent. */
export type NodeAgentConfiguration = Static<typeof nodeAgentConfigurationSchema>
export type WorkerConfiguration = Static<typeof workerSchema>
export type ControlPlaneConfiguration = Static<typeof controlPlaneSchema>
export type CertificateAuthority = Static<typeof authoritySchema>

const what = 'node agent configuration'
const parser = createParser(nodeAgentConfigurationSchema, what)

/** Checks a configuration, also that the part of its role is there; throws `Invalid` that names the first wrong field. */
export function parseNodeAgentConfiguration(input: unknown): NodeAgentConfiguration {
  const configuration = parser.parse(input)
  const part = configuration.role === 'worker' ? 'worker' : 'controlPlane'
  const other = configuration.role === 'worker' ? 'controlPlane' : 'worker'
  if (configuration[part] === undefined) {
    throw new Failure('Invalid', `${what}: role ${configuration.role} needs ${part}`, { field: part })
  }
  if (configuration[other] !== undefined) {
    throw new Failure('Invalid', `${what}: role ${configuration.role} does not take ${other}`, { field: other })
  }
  checkNodeLabels(configuration.nodeLabels)
  return configuration
}

/** Labels in the namespaces of Kubernetes that a kubelet may give its own node. */
const ownNamespaces = /^(kubelet|node)\.kubernetes\.io$|\.(kubelet|node)\.kubernetes\.io$/
const ownLabels = new Set(
  ['hostname', 'arch', 'os']
    .flatMap((name) => [`kubernetes.io/${name}`, `beta.kubernetes.io/${name}`])
    .concat([
      'kubernetes.io/instance-type',
      'node.kubernetes.io/instance-type',
      'beta.kubernetes.io/instance-type',
      'topology.kubernetes.io/region',
      'topology.kubernetes.io/zone',
      'failure-domain.beta.kubernetes.io/region',
      'failure-domain.beta.kubernetes.io/zone',
    ]),
)

function checkNodeLabels(labels: Readonly<Record<string, string>>): void {
  for (const [label, value] of Object.entries(labels)) {
    const namespace = label.includes('/') ? label.slice(0, label.indexOf('/')) : ''
    const reserved = /(^|\.)(kubernetes|k8s)\.io$/.test(namespace)
    if (reserved && !ownNamespaces.test(namespace) && !ownLabels.has(label)) {
      throw new Failure('Invalid', `${what}: no kubelet may give its node the label ${label}`, {
        field: `nodeLabels["${label}"]`,
        remedy: 'use a label outside kubernetes.io and k8s.io, or let a controller set it',
      })
    }
    // The machine controller fills the name in later; it is fit for a label.
    if (!isLabelValue(value.replaceAll(machineNamePlaceholder, 'name'))) {
      throw new Failure('Invalid', `${what}: ${JSON.stringify(value)} cannot be the value of a label`, {
        field: `nodeLabels["${label}"]`,
      })
    }
  }
}

/**
 * Checks that the machine controller has filled the placeholders in, with something that can be used; throws `Invalid` that names the field otherwise.
 * A configuration with placeholders is well-formed, but no machine can live by it.
 */
export function checkMachineIdentity(configuration: NodeAgentConfiguration): void {
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(configuration.machineName)) {
    throw unusable('machineName', configuration.machineName === machineNamePlaceholder, 'a lower-case DNS name')
  }
  const token = configuration.worker?.bootstrapToken
  if (token !== undefined && !/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) {
    throw unusable(
      'worker.bootstrapToken',
      token === bootstrapTokenPlaceholder,
      'a token such as abcdef.0123456789abcdef',
    )
  }
}

function unusable(field: string, unfilled: boolean, wanted: string): Failure {
  return new Failure('Invalid', `${what}: ${unfilled ? 'its placeholder was not filled in' : `must be ${wanted}`}`, {
    field,
    remedy: 'the machine controller fills it in when it makes the machine',
  })
}
