import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import type { HostFacts } from '../host-facts.ts'
import type { HostSettings } from '../host-settings.ts'
import { nodeNameOf } from '../node-name.ts'
import { type JsonObject, overlay } from '../overlay.ts'
import { containerdSocket } from './containerd.ts'

/** Where the kubelet's configuration lies; kubeadm writes it there too. */
export const kubeletConfigurationPath = '/var/lib/kubelet/config.yaml'

/** Where a worker's kubelet keeps the kubeconfig that it makes of its first certificate. */
export const kubeletKubeconfigPath = '/var/lib/kubelet/kubeconfig'

/** Where a worker's kubelet finds the token for its first request. */
export const bootstrapKubeconfigPath = '/etc/kubernetes/bootstrap-kubeconfig'

/** The kubelet's present client certificate and key, in one PEM file. */
export const kubeletClientCertificatePath = '/var/lib/kubelet/pki/kubelet-client-current.pem'

/** Authorities of those who may call the kubelet. */
export const clientAuthorityPath = '/etc/kubernetes/pki/ca.crt'

/** Directory of static pods on a control plane. */
export const staticPodDirectory = '/etc/kubernetes/manifests'

/** Port of 127.0.0.1 on which the kubelet says whether it is well. */
export const kubeletHealthPort = 10_248

/**
 * Longest pause before a container of a control plane that keeps ending is started again. Upstream's five minutes spare registries and
 * logs; here they would keep a whole cluster waiting for a program that only came before what it needs.
 */
const longestRestartPause = '3s'

/** A KubeletConfiguration: what the machine's nature asks for, then what the pool asks for. */
export function kubeletConfiguration(
  configuration: NodeAgentConfiguration,
  facts: HostFacts,
  settings: HostSettings,
): JsonObject {
  const own = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    ...accessControl(),
    ...machineSettings(facts, settings),
    clusterDNS: configuration.clusterDns,
    clusterDomain: configuration.clusterDomain,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    maxPods: configuration.maxPods,
    podPidsLimit: 16_384,
    serializeImagePulls: false,
    ...(configuration.role === 'control-plane' ? controlPlaneSettings() : {}),
    ...optional('providerID', providerId(configuration, facts)),
    ...optional('registerWithTaints', nonEmpty(configuration.nodeTaints)),
  }
  return overlay(own, configuration.kubeletExtra ?? {})
}

function controlPlaneSettings(): Record<string, unknown> {
  return {
    staticPodPath: staticPodDirectory,
    crashLoopBackOff: { maxContainerRestartPeriod: longestRestartPause },
  }
}

function accessControl(): Record<string, unknown> {
  return {
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: clientAuthorityPath },
    },
    authorization: { mode: 'Webhook' },
    rotateCertificates: true,
    serverTLSBootstrap: true,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    healthzPort: kubeletHealthPort,
  }
}

function machineSettings(facts: HostFacts, settings: HostSettings): Record<string, unknown> {
  return {
    cgroupDriver: settings.cgroupDriver,
    ...(settings.cgroupV1 ? { failCgroupV1: false } : {}),
    ...(settings.userNamespaceKubelet ? { featureGates: { KubeletInUserNamespace: true } } : {}),
    enforceNodeAllocatable: settings.enforceAllocatable ? ['pods'] : [],
    failSwapOn: false,
    resolvConf: facts.resolvConfPath,
    systemReserved: { memory: `${settings.reservedMemoryMebibytes}Mi` },
    // Absolute amounts: a machine may share its disk with others, and a share of theirs says nothing about its own pods.
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1Gi',
      'nodefs.inodesFree': '2%',
      'imagefs.available': '1Gi',
      'imagefs.inodesFree': '2%',
    },
    imageGCHighThresholdPercent: 95,
    imageGCLowThresholdPercent: 90,
  }
}

/** The provider's identifier with its placeholders filled in; undefined when one is not known, because a wrong one could never be corrected. */
export function providerId(configuration: NodeAgentConfiguration, facts: HostFacts): string | undefined {
  const template = configuration.providerId?.replaceAll('{machineName}', configuration.machineName)
  if (template === undefined || !template.includes('{instanceId}')) return template
  return facts.instanceId === undefined ? undefined : template.replaceAll('{instanceId}', facts.instanceId)
}

/** Flags that have no place in a KubeletConfiguration. */
export function kubeletFlags(configuration: NodeAgentConfiguration, facts: HostFacts): Record<string, string> {
  const labels = Object.entries(configuration.nodeLabels).map(([key, value]) => `${key}=${value}`)
  return {
    'hostname-override': nodeNameOf(configuration, facts),
    'node-ip': configuration.nodeAddress ?? facts.address,
    ...(labels.length === 0 ? {} : { 'node-labels': labels.join(',') }),
  }
}

function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value }
}

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length === 0 ? undefined : items
}
