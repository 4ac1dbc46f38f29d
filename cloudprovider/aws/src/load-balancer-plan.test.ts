import type { LoadBalancerListener, LoadBalancerRequest } from '@trellis/cloudprovider/contract/cloud-network'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { onePerZone } from './load-balancer-places.ts'
import { differences, loadBalancerTags, shortNameOf, targetGroupName, wantedListeners } from './load-balancer-plan.ts'

function request(...listeners: readonly (readonly ['TCP' | 'UDP', number, number])[]): LoadBalancerRequest {
  const all = listeners.map(
    ([protocol, port, nodePort]): LoadBalancerListener => ({ name: `p-${port}`, protocol, port, nodePort }),
  )
  return { name: 'lb-1', service: 'ns/one', listeners: all, nodes: [] }
}

describe('names', () => {
  it('are what AWS takes, whatever the cluster and the Service', () => {
    const names = fc.tuple(fc.string({ minLength: 1 }), fc.uuid(), fc.integer({ min: 1, max: 65535 }))
    fc.assert(
      fc.property(names, fc.constantFrom('TCP', 'UDP', 'TCP_UDP'), ([cluster, uid, port], protocol) => {
        const name = shortNameOf(cluster, `lb-${uid}`)
        const group = targetGroupName(name, { protocol, port })
        expect(group).toMatch(/^[a-z0-9](-?[a-z0-9])*$/)
        expect(group.length).toBeLessThanOrEqual(32)
        expect(shortNameOf(cluster, `lb-${uid}`)).toBe(name)
      }),
    )
  })

  it('are unlike those of other clusters and Services', () => {
    const names = [shortNameOf('one', 'lb-1'), shortNameOf('one', 'lb-2'), shortNameOf('two', 'lb-1')]
    expect(new Set(names).size).toBe(3)
  })

  it('stand whole in a tag, beside the cluster and the Service', () => {
    expect(loadBalancerTags('one', request())).toEqual({
      'kubernetes.io/cluster/one': '1',
      'kubernetes.io/service-name': 'ns/one',
      'trellis.internal/load-balancer': 'lb-1',
      Name: 'lb-1',
    })
  })
})

describe('wantedListeners', () => {
  it('are one for each port', () => {
    expect(wantedListeners(request(['TCP', 6443, 31001], ['UDP', 51820, 31002]), 'tname')).toEqual([
      { protocol: 'TCP', port: 6443, nodePort: 31001, targetGroup: 'tname-t6443' },
      { protocol: 'UDP', port: 51820, nodePort: 31002, targetGroup: 'tname-u51820' },
    ])
  })

  it('join both protocols of a port', () => {
    expect(wantedListeners(request(['TCP', 53, 31053], ['UDP', 53, 31053]), 'tname')).toEqual([
      { protocol: 'TCP_UDP', port: 53, nodePort: 31053, targetGroup: 'tname-b53' },
    ])
  })

  it('cannot lead both protocols of a port to different node ports', () => {
    expect(() => wantedListeners(request(['TCP', 53, 31053], ['UDP', 53, 31054]), 'tname')).toThrow(
      'port 53: TCP and UDP must have the same node port at AWS',
    )
  })
})

it('differences come to nothing once they are made', () => {
  const items = fc.uniqueArray(fc.integer({ min: 0, max: 9 }))
  const keys = { wanted: String, present: String }
  fc.assert(
    fc.property(items, items, (wanted, present) => {
      const { missing, stale } = differences(wanted, present, keys)
      const after = [...present.filter((one) => !stale.includes(one)), ...missing]
      expect(differences(wanted, after, keys)).toEqual({ missing: [], stale: [] })
      expect(after.toSorted()).toEqual(wanted.toSorted())
    }),
  )
})

it('takes one subnet per zone, of one VPC, always the same', () => {
  const subnets = [
    { id: 'subnet-3', zone: 'b', vpcId: 'vpc-1', tags: {} },
    { id: 'subnet-2', zone: 'a', vpcId: 'vpc-1', tags: {} },
    { id: 'subnet-1', zone: 'a', vpcId: 'vpc-1', tags: {} },
    { id: 'subnet-4', zone: 'c', vpcId: 'vpc-2', tags: {} },
  ]
  const ids = ['subnet-1', 'subnet-3']
  expect(onePerZone(subnets).map(({ id }) => id)).toEqual(ids)
  expect(onePerZone(subnets.toReversed()).map(({ id }) => id)).toEqual(ids)
  expect(onePerZone([])).toEqual([])
})
