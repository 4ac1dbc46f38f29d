import type { CloudProfile } from '../src/garden/cloud-profile.ts'
import { gardenApiVersion } from '../src/garden/common.ts'
import type { Seed } from '../src/garden/seed.ts'
import type { Shoot } from '../src/garden/shoot.ts'
import { machineApiVersion } from '../src/machine/common.ts'
import type { MachineClass } from '../src/machine/machine-class.ts'
import type { MachineDeployment } from '../src/machine/machine-deployment.ts'

/** A cloud profile of the embedded cloud. Each call makes a new value, for tests to change. */
export function exampleCloudProfile(): CloudProfile {
  return {
    apiVersion: gardenApiVersion,
    kind: 'CloudProfile',
    metadata: { name: 'local' },
    spec: {
      type: 'local',
      kubernetes: {
        versions: [
          { version: '1.37.2', classification: 'supported' },
          { version: '1.36.4', classification: 'deprecated', expirationDate: '2027-01-01T00:00:00Z' },
          { version: '1.38.0', classification: 'preview' },
          { version: '1.33.1', classification: 'expired' },
        ],
      },
      machineImages: [
        { name: 'debian', versions: [{ version: '12.9.0' }, { version: '12.11.0' }] },
        { name: 'other', versions: [{ version: '1.0.0' }] },
      ],
      machineTypes: [
        { name: 'small', cpu: 1, gpu: 0, memory: '2Gi' },
        { name: 'medium', cpu: 2, gpu: 0, memory: '4Gi' },
        { name: 'arm', cpu: 2, gpu: 0, memory: '4Gi', architecture: 'arm64' },
        { name: 'retired', cpu: 2, gpu: 0, memory: '4Gi', usable: false },
      ],
      regions: [{ name: 'local', zones: [{ name: 'local-1' }, { name: 'local-2' }] }],
      volumeTypes: [{ name: 'disk', class: 'standard' }],
    },
  }
}

/** A seed on the embedded cloud. */
export function exampleSeed(): Seed {
  return {
    apiVersion: gardenApiVersion,
    kind: 'Seed',
    metadata: { name: 'local' },
    spec: {
      provider: { type: 'local', region: 'local' },
      networks: {
        nodes: '10.0.0.0/16',
        pods: '10.1.0.0/16',
        services: '10.2.0.0/16',
        blockCIDRs: ['198.18.0.0/16'],
      },
    },
  }
}

/** A small Shoot as a user writes it: no more than is required. */
export function exampleShoot(): Shoot {
  return {
    apiVersion: gardenApiVersion,
    kind: 'Shoot',
    metadata: { name: 'first', namespace: 'garden-local' },
    spec: {
      cloudProfile: { kind: 'CloudProfile', name: 'local' },
      region: 'local',
      provider: {
        type: 'local',
        workers: [{ name: 'worker', machine: { type: 'small' }, minimum: 2, maximum: 3 }],
      },
    },
  }
}

/** A machine class of the embedded cloud. */
export function exampleMachineClass(): MachineClass {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineClass',
    metadata: { name: 'worker', namespace: 'shoot--local--first' },
    provider: 'local',
    providerSpec: { flavor: 'small' },
    nodeTemplate: {
      capacity: { cpu: 1, gpu: 0, memory: '2Gi' },
      instanceType: 'small',
      region: 'local',
      zone: 'local-1',
    },
    secretRef: { name: 'worker', namespace: 'shoot--local--first' },
  }
}

/** A machine deployment of two machines. */
export function exampleMachineDeployment(): MachineDeployment {
  return {
    apiVersion: machineApiVersion,
    kind: 'MachineDeployment',
    metadata: { name: 'worker', namespace: 'shoot--local--first' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { name: 'worker' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { name: 'worker' } },
        spec: { class: { kind: 'MachineClass', name: 'worker' } },
      },
    },
  }
}
