import type { ControlPlaneConfiguration, NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import { stringify } from 'yaml'
import type { HostFacts } from '../host-facts.ts'
import type { HostSettings } from '../host-settings.ts'
import { nodeNameOf } from '../node-name.ts'
import { containerdSocket } from './containerd.ts'
import { kubeletConfiguration, kubeletFlags } from './kubelet.ts'

/** Where kubeadm's configuration lies. */
export const kubeadmConfigurationPath = '/etc/kubernetes/kubeadm.yaml'

/** Port of the API server on its machine. */
export const apiServerPort = 6443

interface Argument {
  readonly name: string
  readonly value: string
}

/** Renders what `kubeadm init` reads: InitConfiguration, ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration. */
export function renderKubeadmConfiguration(
  configuration: NodeAgentConfiguration,
  controlPlane: ControlPlaneConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): string {
  return [
    initConfiguration(configuration, facts, settings),
    clusterConfiguration(configuration, controlPlane),
    kubeletConfiguration(configuration, facts, settings),
    proxyConfiguration(controlPlane, settings),
  ]
    .map((document) => stringify(document))
    .join('---\n')
}

/**
 * Checks of kubeadm that need not pass: those that object to a second run after a crash, and, on a machine that is a container, those
 * that look for kernel modules, kernel settings and a kernel configuration that the host has or has not.
 */
export function ignoredPreflightErrors(settings: HostSettings): readonly string[] {
  const manifests = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd']
  const repeatable = [
    ...manifests.map((name) => `FileAvailable--etc-kubernetes-manifests-${name}.yaml`),
    ...['6443', '10250', '10257', '10259', '2379', '2380'].map((port) => `Port-${port}`),
    'DirAvailable--var-lib-etcd',
  ]
  const ofContainers = [
    'SystemVerification',
    'FileContent--proc-sys-net-bridge-bridge-nf-call-iptables',
    'FileContent--proc-sys-net-bridge-bridge-nf-call-ip6tables',
    'FileContent--proc-sys-net-ipv4-ip_forward',
    'Swap',
    'NumCPU',
    'Mem',
  ]
  return settings.userNamespaceKubelet ? [...repeatable, ...ofContainers] : repeatable
}

/** References of the images that a fresh cluster runs. */
export function clusterImages(configuration: NodeAgentConfiguration): readonly string[] {
  const { controlPlane } = configuration
  if (controlPlane === undefined) return [configuration.images.sandbox]
  const repository = controlPlane.imageRepository ?? 'registry.k8s.io'
  const programs = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy']
  return [
    configuration.images.sandbox,
    ...programs.map((name) => `${repository}/${name}:${controlPlane.kubernetesVersion}`),
    `${repository}/etcd:${controlPlane.etcdImageTag}`,
    `${repository}/coredns/coredns:${controlPlane.coreDnsImageTag}`,
  ]
}

function initConfiguration(configuration: NodeAgentConfiguration, facts: HostFacts, settings: HostSettings): object {
  return {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'InitConfiguration',
    localAPIEndpoint: { advertiseAddress: configuration.nodeAddress ?? facts.address, bindPort: apiServerPort },
    nodeRegistration: {
      name: nodeNameOf(configuration, facts),
      criSocket: `unix://${containerdSocket}`,
      // The kubelet pulls what is missing; kubeadm would also ask for images that nothing uses, and hang where there is no registry.
      imagePullPolicy: 'Never',
      // Not absent but empty: the only node of its cluster must take every pod.
      taints: configuration.nodeTaints,
      kubeletExtraArgs: toArguments(kubeletFlags(configuration, facts)),
      ignorePreflightErrors: ignoredPreflightErrors(settings),
    },
    skipPhases: ['upload-certs', 'bootstrap-token', 'show-join-command'],
    timeouts: { controlPlaneComponentHealthCheck: '8m0s', kubeletHealthCheck: '2m0s', kubernetesAPICall: '2m0s' },
  }
}

function clusterConfiguration(configuration: NodeAgentConfiguration, controlPlane: ControlPlaneConfiguration): object {
  const { endpoint, networks } = controlPlane
  return {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    clusterName: controlPlane.clusterName ?? 'trellis',
    kubernetesVersion: controlPlane.kubernetesVersion,
    imageRepository: controlPlane.imageRepository ?? 'registry.k8s.io',
    controlPlaneEndpoint: `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`,
    encryptionAlgorithm: 'ECDSA-P256',
    networking: {
      dnsDomain: configuration.clusterDomain,
      podSubnet: networks.pods,
      serviceSubnet: networks.services,
    },
    apiServer: {
      certSANs: [endpoint.host, '127.0.0.1', 'localhost', ...(controlPlane.certificateNames ?? [])],
      extraArgs: toArguments({
        'kubelet-certificate-authority': '/etc/kubernetes/pki/ca.crt',
        profiling: 'false',
        ...controlPlane.extraApiServerArguments,
      }),
    },
    // There is nobody to elect among: without elections both begin to work at once, also after a crash.
    controllerManager: {
      extraArgs: toArguments({
        'leader-elect': 'false',
        profiling: 'false',
        // Each of its controllers makes itself an account first; at the usual 20 requests a second that alone takes five seconds.
        'kube-api-qps': '200',
        'kube-api-burst': '400',
      }),
    },
    scheduler: { extraArgs: toArguments({ 'leader-elect': 'false', profiling: 'false' }) },
    etcd: { local: { imageTag: controlPlane.etcdImageTag, dataDir: '/var/lib/etcd' } },
    dns: { imageTag: controlPlane.coreDnsImageTag },
  }
}

function proxyConfiguration(controlPlane: ControlPlaneConfiguration, settings: HostSettings): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: controlPlane.networks.pods,
    // Zero leaves these sysctls alone: where the kernel is shared they cannot be set.
    ...(settings.sharedConnectionTracking
      ? { conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' } }
      : {}),
  }
}

function toArguments(flags: Readonly<Record<string, string>>): readonly Argument[] {
  return Object.entries(flags).map(([name, value]) => ({ name, value }))
}
