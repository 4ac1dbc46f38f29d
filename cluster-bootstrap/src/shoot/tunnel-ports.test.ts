import { describe, expect, it } from 'vitest'
import { tunnelAddresses } from '../secrets/tunnel-files.ts'
import { allTunnelPorts, linkPort, replicaName, tunnelPorts } from './tunnel-ports.ts'

describe('ports of the tunnel', () => {
  it.each([
    [0, 0, 0, 51820],
    [0, 0, 1, 51821],
    [0, 0, 2, 51820],
    [0, 1, 0, 51822],
    [0, 1, 7, 51823],
    [1, 0, 0, 51828],
    [1, 0, 1, 51829],
    [1, 1, 0, 51830],
    [1, 1, 9, 51831],
  ])('API server %i, vpn-shoot %i, keys %i: %i', (seedReplica, shootReplica, generation, port) => {
    expect(linkPort({ seedReplica, shootReplica, generation })).toBe(port)
  })

  it.each([
    [1, 1, [51820, 51821]],
    [2, 1, [51820, 51821, 51822, 51823]],
    [1, 2, [51820, 51821, 51828, 51829]],
    [2, 2, [51820, 51821, 51822, 51823, 51828, 51829, 51830, 51831]],
  ])('of %i vpn-shoot and %i API servers', (tunnelReplicas, apiServerReplicas, ports) => {
    expect(allTunnelPorts({ tunnelReplicas, apiServerReplicas })).toEqual(ports)
  })

  it('stay what they are when replicas come on either side', () => {
    expect(tunnelPorts(2, 1).slice(0, 2)).toEqual(tunnelPorts(1, 1))
    expect(new Set([...tunnelPorts(4, 0), ...tunnelPorts(4, 1)]).size).toBe(16)
  })
})

describe('addresses of the tunnel', () => {
  it('are each of one link or end alone, and in the range that no shoot may use', () => {
    expect(new Set(tunnelAddresses).size).toBe(tunnelAddresses.length)
    expect(tunnelAddresses).toHaveLength(2 + 2 + 2 * 8)
    for (const address of tunnelAddresses) expect(address).toMatch(/^192\.168\.123\.(\d|\d\d|1\d\d)$/)
  })
})

it('the first replica is called as if it were alone', () => {
  expect([0, 1, 2].map((replica) => replicaName('kube-apiserver', replica))).toEqual([
    'kube-apiserver',
    'kube-apiserver-1',
    'kube-apiserver-2',
  ])
})
