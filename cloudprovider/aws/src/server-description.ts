import type { ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import { Failure } from '@trellis/foundation/failure'
import type { AttachedInterface, Instance } from './client-types.ts'
import { deviceIndexOf, type NetworkInterface } from './network-interfaces.ts'
import type { AwsProviderSpec } from './provider-spec.ts'

/** Provider id of a server, as in `aws:///eu-west-1/i-0123`. */
export function providerIdOf(region: string, id: string): string {
  return `aws:///${region}/${id}`
}

/** The server's own id in a provider id; undefined when it is none of AWS. */
export function instanceIdOf(providerId: string | undefined): string | undefined {
  return /^aws:\/\/\/[^/]+\/(i-[0-9a-z]+)$/.exec(providerId ?? '')?.[1]
}

/** A server as the driver's port has it. Throws `Unavailable` while EC2 has not named it. */
export function describeServer(instance: Instance, spec: AwsProviderSpec): ProviderMachine {
  const { id, privateDnsName, publicDnsName, privateAddresses, publicAddress } = instance
  if (privateDnsName === '') {
    throw new Failure('Unavailable', `EC2 has not given the server ${id} a name yet`, { retryAfterMilliseconds: 2000 })
  }
  const reason = endedBecause(instance)
  return {
    providerId: providerIdOf(spec.region, id),
    nodeName: privateDnsName,
    addresses: [
      ...privateAddresses.map((address) => ({ type: 'InternalIP' as const, address })),
      ...(publicAddress === undefined ? [] : [{ type: 'ExternalIP' as const, address: publicAddress }]),
      { type: 'InternalDNS', address: privateDnsName },
      ...(publicDnsName === '' ? [] : [{ type: 'ExternalDNS' as const, address: publicDnsName }]),
      { type: 'Hostname', address: privateDnsName },
    ],
    state: stateOf(instance),
    ...(reason === undefined ? {} : { reason }),
    initialized: pendingSteps(instance, spec).length === 0,
  }
}

function stateOf({ state }: Instance): ProviderMachine['state'] {
  if (state === 'pending') return 'creating'
  if (state === 'running') return 'running'
  return state === 'stopping' || state === 'stopped' ? 'stopped' : 'failed'
}

/** Why a server ended by itself, in EC2's words; undefined for one that lives or that somebody ended. */
export function endedBecause({ state, stateReason }: Instance): string | undefined {
  if (state === 'pending' || state === 'running' || stateReason === undefined) return undefined
  if (stateReason.code.startsWith('Client.UserInitiated')) return undefined
  // EC2 writes the code into the words too.
  return stateReason.message === '' ? stateReason.code : stateReason.message
}

/** Something that can only be done once the server exists. */
export type InitialStep =
  | { readonly kind: 'let-packets-through'; readonly interfaceId: string }
  | { readonly kind: 'assign-prefixes'; readonly interfaceId: string; readonly count: number }

/** What is still to be done on a server before it is as its class wants it. */
export function pendingSteps(instance: Instance, spec: AwsProviderSpec): readonly InitialStep[] {
  return spec.networkInterfaces.flatMap((wanted, index) => {
    const attached = instance.interfaces.find((one) => isAt(one, wanted, index))
    if (attached === undefined) return []
    const steps: InitialStep[] = []
    const passes = spec.srcAndDstChecksEnabled === false && !isForEfa(wanted)
    if (passes && attached.sourceDestCheck) steps.push({ kind: 'let-packets-through', interfaceId: attached.id })
    const count = (wanted.ipv6PrefixCount ?? 0) - attached.ipv6Prefixes
    if (count > 0) steps.push({ kind: 'assign-prefixes', interfaceId: attached.id, count })
    return steps
  })
}

function isAt(attached: AttachedInterface, wanted: NetworkInterface, index: number): boolean {
  return (
    attached.deviceIndex === deviceIndexOf(wanted, index) &&
    attached.networkCardIndex === (wanted.networkCardIndex ?? 0)
  )
}

/** EC2 lets nobody change the check of these. */
function isForEfa({ interfaceType }: NetworkInterface): boolean {
  return interfaceType === 'efa' || interfaceType === 'efa-only'
}

/** Ids of the interfaces that were made with the server, in the order of the class. */
export function ownInterfaceIds(instance: Instance, spec: AwsProviderSpec): readonly string[] {
  return spec.networkInterfaces.flatMap(
    (wanted, index) => instance.interfaces.find((one) => isAt(one, wanted, index))?.id ?? [],
  )
}
