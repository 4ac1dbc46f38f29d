import { generateKeyPairSync } from 'node:crypto'
import {
  bootstrapTokenPlaceholder,
  machineNamePlaceholder,
  type NodeAgentConfiguration,
} from '../src/node-agent-configuration.ts'

/** Text of the length and texture of a certificate of an elliptic-curve authority. */
export const certificateLike = `-----BEGIN CERTIFICATE-----\n${'MIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrM3Mtc2Vy\n'.repeat(9)}-----END CERTIFICATE-----\n`

/** A worker's configuration with both placeholders in it. */
export function exampleWorker(changes: Partial<NodeAgentConfiguration> = {}): NodeAgentConfiguration {
  return {
    version: 1,
    role: 'worker',
    machineName: machineNamePlaceholder,
    nodeLabels: { 'worker.gardener.cloud/pool': 'first' },
    nodeTaints: [],
    providerId: 'local:///{instanceId}',
    clusterDns: ['100.64.0.10'],
    clusterDomain: 'cluster.local',
    maxPods: 110,
    images: { sandbox: 'registry.k8s.io/pause:3.10.2' },
    worker: {
      apiServer: 'https://198.18.0.10:6443',
      caBundle: certificateLike,
      bootstrapToken: bootstrapTokenPlaceholder,
    },
    ...changes,
  }
}

/** A control plane's configuration; its service account key is real, its authorities only look so. */
export function exampleControlPlane(changes: Partial<NodeAgentConfiguration> = {}): NodeAgentConfiguration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const authority = { certificate: certificateLike, key: certificateLike.replaceAll('CERTIFICATE', 'PRIVATE KEY') }
  return {
    version: 1,
    role: 'control-plane',
    machineName: 'garden',
    nodeLabels: {},
    nodeTaints: [],
    clusterDns: ['10.2.0.10'],
    clusterDomain: 'cluster.local',
    maxPods: 250,
    images: { sandbox: 'registry.k8s.io/pause:3.10.2' },
    controlPlane: {
      kubernetesVersion: 'v1.37.2',
      endpoint: { host: '198.18.0.10', port: 6443 },
      networks: { nodes: '10.0.0.0/16', pods: '10.1.0.0/16', services: '10.2.0.0/16' },
      pki: {
        ca: authority,
        frontProxyCa: authority,
        etcdCa: authority,
        serviceAccountKey: { privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
      },
      etcdImageTag: '3.7.3-0',
      coreDnsImageTag: 'v1.14.6',
      defaultStorageClass: 'default',
    },
    ...changes,
  }
}
