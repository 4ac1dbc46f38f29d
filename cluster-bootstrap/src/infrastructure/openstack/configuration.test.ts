import { describe, expect, it } from 'vitest'
import { parseConfiguration } from './configuration.ts'

const nodes = '10.250.0.0/16'

describe('the infrastructureConfig of OpenStack', () => {
  it('is read as Gardener’s extension writes it', () => {
    const read = parseConfiguration(
      {
        apiVersion: 'openstack.provider.extensions.gardener.cloud/v1alpha1',
        kind: 'InfrastructureConfig',
        floatingPoolName: 'outside',
        floatingPoolSubnetName: 'cheap',
        networks: {
          id: 'network-1',
          subnetId: 'subnet-1',
          router: { id: 'router-1' },
          workers: '10.250.0.0/19',
          dnsServers: ['192.0.2.53'],
        },
      },
      nodes,
    )
    expect(read).toEqual({
      floatingPoolName: 'outside',
      floatingPoolSubnetName: 'cheap',
      networkId: 'network-1',
      subnetId: 'subnet-1',
      routerId: 'router-1',
      workers: '10.250.0.0/19',
      dnsServers: ['192.0.2.53'],
    })
  })

  it.each([
    [{}, nodes],
    [{ networks: {} }, nodes],
    [{ networks: { worker: '10.250.128.0/17' } }, '10.250.128.0/17'],
    [{ networks: { worker: '10.250.128.0/17', workers: '10.250.0.0/24' } }, '10.250.0.0/24'],
    [{ networks: { worker: '', workers: '' } }, nodes],
    [{ networks: { workers: '10.250.3.4/24' } }, '10.250.3.0/24'],
  ])('puts nodes of %j into %s', (change, workers) => {
    expect(parseConfiguration({ floatingPoolName: 'outside', ...change }, nodes).workers).toBe(workers)
  })

  it.each([
    [undefined, ''],
    ['text', ''],
    [{}, '.floatingPoolName'],
    [{ floatingPoolName: '' }, '.floatingPoolName'],
    [{ floatingPoolName: 'outside', colour: 'red' }, '.colour'],
    [{ floatingPoolName: 'outside', networks: { shareNetwork: { enabled: true } } }, '.networks.shareNetwork'],
    [{ floatingPoolName: 'outside', networks: { router: {} } }, '.networks.router.id'],
    [{ floatingPoolName: 'outside', networks: { workers: '10.250.0.0' } }, '.networks.workers'],
    [{ floatingPoolName: 'outside', networks: { workers: '10.251.0.0/24' } }, '.networks.workers'],
    [{ floatingPoolName: 'outside', networks: { subnetId: 'subnet-1' } }, '.networks.id'],
  ])('is refused as %j at infrastructureConfig%s', (input, field) => {
    expect(() => parseConfiguration(input, nodes)).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: `spec.provider.infrastructureConfig${field}` }),
    )
  })
})
