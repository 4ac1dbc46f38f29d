import type { EndpointSlice } from '@trellis/api/core/service'
import { describe, expect, it } from 'vitest'
import { frontDoor, readyNode } from '../../testing/world.ts'
import { decideLoadBalancer, nodeFingerprint } from './load-balancer.ts'

const excluded = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }

function service(changes: Parameters<typeof frontDoor>[0] = {}) {
  const object = frontDoor(changes)
  return { ...object, metadata: { ...object.metadata, uid: 'u-1' } }
}

function targets(...args: Parameters<typeof decideLoadBalancer>): readonly string[] {
  const decision = decideLoadBalancer(...args)
  return decision.kind === 'wanted' ? decision.request.nodes : [`(${decision.kind})`]
}

describe('decideLoadBalancer', () => {
  it('asks for every port, TCP and UDP', () => {
    expect(decideLoadBalancer(service(), [readyNode('a')], [])).toEqual({
      kind: 'wanted',
      request: {
        name: 'lb-u-1',
        service: 'shoot/kube-apiserver',
        listeners: [
          { name: 'api', protocol: 'TCP', port: 6443, nodePort: 31001 },
          { name: 'tunnel', protocol: 'UDP', port: 51820, nodePort: 31002 },
        ],
        nodes: ['a'],
      },
    })
  })

  it.each([
    ['service.beta.kubernetes.io/aws-load-balancer-internal', 'true', true],
    ['service.beta.kubernetes.io/aws-load-balancer-internal', '0.0.0.0/0', true],
    ['service.beta.kubernetes.io/aws-load-balancer-internal', 'false', false],
    ['service.beta.kubernetes.io/aws-load-balancer-internal', '', false],
    ['service.beta.kubernetes.io/openstack-internal-load-balancer', 'true', true],
    ['service.beta.kubernetes.io/openstack-internal-load-balancer', 'false', false],
    ['networking.gke.io/load-balancer-type', 'Internal', true],
    ['networking.gke.io/load-balancer-type', 'External', false],
  ])('reads the annotation %s: %s', (key, value, internal) => {
    const object = service()
    const annotated = { ...object, metadata: { ...object.metadata, annotations: { [key]: value } } }
    const decision = decideLoadBalancer(annotated, [], [])
    expect(decision.kind === 'wanted' && decision.request.internal).toBe(internal ? true : undefined)
  })

  it('names ports that have no name', () => {
    const decision = decideLoadBalancer(service({ ports: [{ port: 80, nodePort: 30080 }] }), [], [])
    expect(decision).toMatchObject({ request: { listeners: [{ name: 'tcp-80', protocol: 'TCP' }] } })
  })

  it.each([
    ['another type', service({ type: 'ClusterIP' })],
    ['a class, which is for somebody else', service({ loadBalancerClass: 'other' })],
    ['no Service', undefined],
    [
      'a Service that is being deleted',
      { ...service(), metadata: { ...service().metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } },
    ],
  ])('wants none for %s', (_, object) => {
    expect(decideLoadBalancer(object, [], [])).toEqual({ kind: 'none' })
  })

  it.each([
    [{ loadBalancerSourceRanges: ['10.0.0.0/8'] }, 'spec.loadBalancerSourceRanges is not supported'],
    [{ ports: [{ port: 1, nodePort: 2, protocol: 'SCTP' as const }] }, 'port 1: protocol SCTP is not supported'],
    [{ ports: [{ port: 1 }] }, 'port 1 has no node port; set spec.allocateLoadBalancerNodePorts'],
  ])('says why %j cannot be', (changes, reason) => {
    expect(decideLoadBalancer(service(changes), [], [])).toEqual({ kind: 'impossible', reason })
  })
})

describe('targets', () => {
  it('are the ready nodes that admit traffic', () => {
    const nodes = [
      readyNode('b'),
      readyNode('a'),
      readyNode('sick', { ready: false }),
      readyNode('excluded', { labels: excluded }),
      readyNode('leaving', { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] }),
      readyNode('cordoned', { unschedulable: true }),
    ]
    expect(targets(service(), nodes, [])).toEqual(['a', 'b', 'cordoned'])
  })

  it('are doubtful nodes rather than none', () => {
    const sick = readyNode('sick', { ready: false })
    expect(targets(service(), [sick, readyNode('excluded', { labels: excluded })], [])).toEqual(['sick'])
    expect(targets(service(), [readyNode('only', { labels: excluded })], [])).toEqual(['only'])
    expect(targets(service(), [], [])).toEqual([])
  })

  it('are the nodes with ready endpoints under policy Local', () => {
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 's' },
      addressType: 'IPv4',
      endpoints: [
        { addresses: [], nodeName: 'a' },
        { addresses: [], nodeName: 'b', conditions: { ready: false } },
      ],
    }
    const local = service({ externalTrafficPolicy: 'Local' })
    expect(targets(local, [readyNode('a'), readyNode('b')], [slice])).toEqual(['a'])
    expect(targets(local, [readyNode('a')], [])).toEqual([])
  })
})

it('tells node changes that matter from those that do not', () => {
  const node = readyNode('a')
  const heartbeat = { ...node, metadata: { ...node.metadata, resourceVersion: '2' } }
  expect(nodeFingerprint(heartbeat)).toBe(nodeFingerprint(node))
  expect(nodeFingerprint(readyNode('a', { ready: false }))).not.toBe(nodeFingerprint(node))
  expect(nodeFingerprint(readyNode('a', { labels: excluded }))).not.toBe(nodeFingerprint(node))
  expect(nodeFingerprint(undefined)).not.toBe(nodeFingerprint(node))
})
