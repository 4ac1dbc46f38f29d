import { createPublicKey } from 'node:crypto'
import type {
  CertificateAuthority,
  ControlPlaneConfiguration,
  NodeAgentConfiguration,
  WorkerConfiguration,
} from '@trellis/api/node-agent-configuration'
import { Failure } from '@trellis/foundation/failure'
import { stringify } from 'yaml'
import type { HostFacts } from './host-facts.ts'
import type { HostSettings } from './host-settings.ts'
import { networkDirectory, networkTemplatePath, renderContainerdConfiguration } from './render/containerd.ts'
import { kubeadmConfigurationPath, renderKubeadmConfiguration } from './render/kubeadm.ts'
import { renderTokenKubeconfig } from './render/kubeconfig.ts'
import {
  bootstrapKubeconfigPath,
  clientAuthorityPath,
  kubeletConfiguration,
  kubeletConfigurationPath,
  kubeletFlags,
  kubeletKubeconfigPath,
} from './render/kubelet.ts'
import { renderNetwork } from './render/network.ts'
import { renderContainerdUnit, renderKubeletUnit } from './render/units.ts'
import type { UnitName } from './systemd.ts'

/** A file that the agent answers for: it writes it, and writes it again when somebody else changes it. */
export interface DesiredFile {
  readonly path: string
  readonly mode: number
  readonly content: string
  /** The unit that reads the file when it starts. */
  readonly unit?: UnitName
}

const secret = 0o600
const open = 0o644

/** Every file that this machine needs, from configuration and facts alone. */
export function desiredFiles(
  configuration: NodeAgentConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): readonly DesiredFile[] {
  const { worker, controlPlane } = configuration
  return [
    ...containerdFiles(configuration, facts, settings),
    ...(worker === undefined ? [] : workerFiles(configuration, worker, facts, settings)),
    ...(controlPlane === undefined ? [] : controlPlaneFiles(configuration, controlPlane, facts, settings)),
  ]
}

function containerdFiles(
  configuration: NodeAgentConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): readonly DesiredFile[] {
  const network = renderNetwork(facts.interfaceMtu, configuration.podCidr)
  return [
    {
      path: '/etc/containerd/config.toml',
      mode: open,
      content: renderContainerdConfiguration(facts, settings, configuration.images.sandbox),
      unit: 'containerd',
    },
    {
      path: configuration.podCidr === undefined ? networkTemplatePath : `${networkDirectory}/10-trellis.conflist`,
      mode: open,
      content: network,
    },
    {
      path: '/etc/systemd/system/containerd.service',
      mode: open,
      content: renderContainerdUnit(settings),
      unit: 'containerd',
    },
  ]
}

function workerFiles(
  configuration: NodeAgentConfiguration,
  worker: WorkerConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): readonly DesiredFile[] {
  const flags = {
    config: kubeletConfigurationPath,
    kubeconfig: kubeletKubeconfigPath,
    'bootstrap-kubeconfig': bootstrapKubeconfigPath,
    ...kubeletFlags(configuration, facts),
  }
  return [
    {
      path: bootstrapKubeconfigPath,
      mode: secret,
      content: renderTokenKubeconfig(worker.apiServer, worker.caBundle, worker.bootstrapToken),
    },
    { path: clientAuthorityPath, mode: open, content: worker.clientCaBundle ?? worker.caBundle, unit: 'kubelet' },
    {
      path: kubeletConfigurationPath,
      mode: open,
      content: stringify(kubeletConfiguration(configuration, facts, settings)),
      unit: 'kubelet',
    },
    kubeletUnit(renderKubeletUnit(toArguments(flags))),
  ]
}

function controlPlaneFiles(
  configuration: NodeAgentConfiguration,
  controlPlane: ControlPlaneConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): readonly DesiredFile[] {
  const { ca, frontProxyCa, etcdCa, serviceAccountKey } = controlPlane.pki
  const directory = '/etc/kubernetes/pki'
  const flags = { config: kubeletConfigurationPath, kubeconfig: '/etc/kubernetes/kubelet.conf' }
  return [
    ...authorityFiles(`${directory}/ca`, ca),
    ...authorityFiles(`${directory}/front-proxy-ca`, frontProxyCa),
    ...authorityFiles(`${directory}/etcd/ca`, etcdCa),
    { path: `${directory}/sa.key`, mode: secret, content: serviceAccountKey.privateKey },
    {
      path: `${directory}/sa.pub`,
      mode: open,
      content: serviceAccountKey.publicKey ?? publicHalf(serviceAccountKey.privateKey),
    },
    {
      path: kubeadmConfigurationPath,
      mode: secret,
      content: renderKubeadmConfiguration(configuration, controlPlane, facts, settings),
    },
    kubeletUnit(renderKubeletUnit(toArguments(flags), '/var/lib/kubelet/kubeadm-flags.env')),
  ]
}

function kubeletUnit(content: string): DesiredFile {
  return { path: '/etc/systemd/system/kubelet.service', mode: open, content, unit: 'kubelet' }
}

function authorityFiles(path: string, authority: CertificateAuthority): readonly DesiredFile[] {
  return [
    { path: `${path}.crt`, mode: open, content: authority.certificate },
    { path: `${path}.key`, mode: secret, content: authority.key },
  ]
}

function publicHalf(privateKey: string): string {
  try {
    return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString()
  } catch (error) {
    throw new Failure('Invalid', 'the service account key is not a private key in PEM', {
      field: 'controlPlane.pki.serviceAccountKey.privateKey',
      cause: error,
    })
  }
}

function toArguments(flags: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
}
