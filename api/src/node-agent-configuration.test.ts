import { isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import { type NodeAgentConfiguration, parseNodeAgentConfiguration } from './node-agent-configuration.ts'

function workerConfiguration(): NodeAgentConfiguration {
  return {
    version: 1,
    role: 'worker',
    machineName: '<<MACHINE_NAME>>',
    nodeLabels: {},
    nodeTaints: [{ key: 'a', effect: 'NoSchedule' }],
    clusterDns: ['100.64.0.10'],
    clusterDomain: 'cluster.local',
    maxPods: 110,
    features: { userNamespaceKubelet: true },
    images: { sandbox: 'registry.k8s.io/pause:3.10' },
    worker: { apiServer: 'https://198.18.1.1:6443', caBundle: 'PEM', bootstrapToken: '<<BOOTSTRAP_TOKEN>>' },
    beacon: { namespace: 'kube-system', name: 'trellis-join-<<MACHINE_NAME>>' },
  }
}

function fieldOfFailure(input: unknown): string | undefined {
  try {
    parseNodeAgentConfiguration(input)
  } catch (error) {
    if (isFailure(error, 'Invalid')) return error.field
    throw error
  }
  return undefined
}

it('takes the configuration of a worker', () => {
  expect(parseNodeAgentConfiguration(workerConfiguration())).toEqual(workerConfiguration())
})

it.each([
  ['an unknown key', { surprise: true }, 'surprise'],
  ['another version', { version: 2 }, 'version'],
  ['no part for the role', { worker: undefined }, 'worker'],
  ['plain HTTP', { worker: { apiServer: 'http://x', caBundle: 'PEM', bootstrapToken: 'x' } }, 'worker.apiServer'],
  ['a missing key', { images: {} }, 'images.sandbox'],
  ['the part of another role', { role: 'control-plane' }, 'controlPlane'],
])('refuses %s and names the field', (_, change, field) => {
  const input = JSON.parse(JSON.stringify({ ...workerConfiguration(), ...change }))
  expect(fieldOfFailure(input)).toBe(field)
})
