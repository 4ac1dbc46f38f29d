import { describe, expect, it } from 'vitest'
import { isAllowed, type NetworkPolicy, type Party, type PolicyPeer } from './network-policies.ts'

const namespace = 'home'
const server: Party = { name: 'server', address: '10.0.0.1', labels: { app: 'server' }, namespace }
const caller: Party = { name: 'caller', address: '10.0.0.2', labels: { app: 'caller', tier: 'a' }, namespace }
const away: Party = { name: 'away', address: '10.0.1.2', labels: { app: 'caller' }, namespace: 'away' }
const outside: Party = { name: 'outside', address: '192.0.2.1' }

function ingress(from: readonly PolicyPeer[] | undefined, ports?: readonly object[]): NetworkPolicy {
  const rule = { ...(from === undefined ? {} : { from }), ...(ports === undefined ? {} : { ports }) }
  const spec = { podSelector: { matchLabels: { app: 'server' } }, policyTypes: ['Ingress'], ingress: [rule] }
  return { metadata: { name: 'test' }, spec } as NetworkPolicy
}

const closed: NetworkPolicy = {
  metadata: { name: 'closed' },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
}
const to = (from: Party, port = 80, protocol = 'TCP') => ({ from, to: server, protocol, port })
const callers = { podSelector: { matchLabels: { app: 'caller' } } }

describe('network policies', () => {
  it.each<[string, readonly NetworkPolicy[], Party, boolean]>([
    ['none: everything', [], outside, true],
    ['nothing allowed', [closed], away, false],
    ['no peers: everybody', [ingress(undefined)], outside, true],
    ['an empty list of peers: everybody', [ingress([])], outside, true],
    ['pods of the own namespace', [ingress([callers])], caller, true],
    ['not their likes elsewhere', [ingress([callers])], away, false],
    ['likes anywhere', [ingress([{ ...callers, namespaceSelector: {} }])], away, true],
    [
      'likes in a namespace',
      [ingress([{ ...callers, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'away' } } }])],
      away,
      true,
    ],
    ['nobody outside by labels', [ingress([{ podSelector: {}, namespaceSelector: {} }])], outside, false],
    ['a block', [ingress([{ ipBlock: { cidr: '192.0.2.0/24' } }])], outside, true],
    ['a block with a hole', [ingress([{ ipBlock: { cidr: '0.0.0.0/0', except: ['192.0.2.0/24'] } }])], outside, false],
    ['one of several', [ingress([callers]), ingress([{ ipBlock: { cidr: '192.0.2.1/32' } }])], outside, true],
    [
      'an expression',
      [ingress([{ podSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] } }])],
      caller,
      true,
    ],
    ['both sides must allow', [closed, ingress([callers])], caller, false],
  ])('%s', (_what, policies, from, allowed) => {
    expect(isAllowed(policies, namespace, to(from))).toBe(allowed)
  })

  it.each<[readonly object[], number, string, boolean]>([
    [[{ protocol: 'TCP', port: 80 }], 80, 'TCP', true],
    [[{ protocol: 'TCP', port: 80 }], 81, 'TCP', false],
    [[{ protocol: 'TCP', port: 80 }], 80, 'UDP', false],
    [[{ protocol: 'TCP', port: 80, endPort: 90 }], 90, 'TCP', true],
    [[{ protocol: 'TCP', port: 80, endPort: 90 }], 91, 'TCP', false],
  ])('ports %j: %i/%s', (ports, port, protocol, allowed) => {
    expect(isAllowed([ingress(undefined, ports)], namespace, to(caller, port, protocol))).toBe(allowed)
  })
})
