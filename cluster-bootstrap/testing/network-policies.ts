import { type Cidr, contains, hostCidr, parseCidr, parseIpAddress } from 'node-wireguard/address'

/** A selector of labels, as NetworkPolicies have it. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: 'In'
    readonly values: readonly string[]
  }[]
}

/** Somebody at the other side of a connection, as NetworkPolicies name him. */
export interface PolicyPeer {
  readonly podSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}

interface PolicyRule {
  readonly from?: readonly PolicyPeer[]
  readonly to?: readonly PolicyPeer[]
  readonly ports?: readonly { readonly protocol: string; readonly port: number; readonly endPort?: number }[]
}

/** A NetworkPolicy as far as it is evaluated here: numbers for ports, `In` for expressions. */
export interface NetworkPolicy {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec: {
    readonly podSelector: LabelSelector
    readonly policyTypes: readonly ('Ingress' | 'Egress')[]
    readonly ingress?: readonly PolicyRule[]
    readonly egress?: readonly PolicyRule[]
  }
}

/** A pod, or, without labels, somebody outside the cluster. */
export interface Party {
  readonly name: string
  readonly address: string
  readonly labels?: Readonly<Record<string, string>>
  readonly namespace?: string
}

/** A connection that somebody would begin. */
export interface Connection {
  readonly from: Party
  readonly to: Party
  readonly protocol: string
  readonly port: number
}

/**
 * Whether NetworkPolicies let a connection begin, by the rules of Kubernetes: who is selected by a policy for a direction may do only what some such policy allows, and both sides must allow it.
 * All policies are of `namespace`.
 */
export function isAllowed(policies: readonly NetworkPolicy[], namespace: string, connection: Connection): boolean {
  const { from, to } = connection
  const passes = (type: 'Ingress' | 'Egress', own: Party, other: Party): boolean => {
    const concerned = policies.filter(
      ({ spec }) => spec.policyTypes.includes(type) && isIn(own, namespace) && matches(spec.podSelector, own.labels),
    )
    const rules = concerned.flatMap(({ spec }) => (type === 'Ingress' ? spec.ingress : spec.egress) ?? [])
    return concerned.length === 0 || rules.some((rule) => allows(rule, other, namespace, connection))
  }
  return passes('Egress', from, to) && passes('Ingress', to, from)
}

function allows(rule: PolicyRule, other: Party, namespace: string, { protocol, port }: Connection): boolean {
  const peers = rule.from ?? rule.to
  // None and an empty list mean everybody.
  const isPeer = peers === undefined || peers.length === 0 || peers.some((peer) => isMeant(peer, other, namespace))
  const isPort = (one: { protocol: string; port: number; endPort?: number }) =>
    one.protocol === protocol && one.port <= port && port <= (one.endPort ?? one.port)
  return isPeer && (rule.ports === undefined || rule.ports.length === 0 || rule.ports.some(isPort))
}

function isMeant({ ipBlock, podSelector, namespaceSelector }: PolicyPeer, other: Party, namespace: string): boolean {
  if (ipBlock !== undefined) {
    const within = (text: string) => contains(parseCidr(text) as Cidr, hostCidr(parseIpAddress(other.address)))
    return within(ipBlock.cidr) && !(ipBlock.except ?? []).some(within)
  }
  if (other.labels === undefined) return false
  const inNamespace =
    namespaceSelector === undefined
      ? isIn(other, namespace)
      : matches(namespaceSelector, { 'kubernetes.io/metadata.name': other.namespace ?? '' })
  return inNamespace && matches(podSelector ?? {}, other.labels)
}

function isIn(party: Party, namespace: string): boolean {
  return party.labels !== undefined && party.namespace === namespace
}

function matches(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>> = {},
) {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  )
}
