import { Failure } from '@trellis/foundation/failure'
import type { Instance, InstanceState } from './client-types.ts'
import type { MetadataOptions } from './run-request-types.ts'
import type { Tags } from './server-tags.ts'

/** A server as EC2's answers have it; what is not read is left out. */
export interface RawInstance {
  readonly InstanceId?: string
  readonly State?: { readonly Name?: string }
  readonly StateReason?: { readonly Code?: string; readonly Message?: string }
  readonly PrivateDnsName?: string
  readonly PublicDnsName?: string
  readonly PrivateIpAddress?: string
  readonly PublicIpAddress?: string
  readonly Tags?: readonly RawTag[]
  readonly NetworkInterfaces?: readonly RawInterface[]
  readonly BlockDeviceMappings?: readonly {
    readonly Ebs?: { readonly VolumeId?: string; readonly DeleteOnTermination?: boolean }
  }[]
  readonly Monitoring?: { readonly State?: string }
  readonly MetadataOptions?: MetadataOptions
}

/** A tag as answers have it. */
export interface RawTag {
  readonly Key?: string
  readonly Value?: string
}

interface RawInterface {
  readonly NetworkInterfaceId?: string
  readonly SourceDestCheck?: boolean
  readonly Attachment?: { readonly DeviceIndex?: number; readonly NetworkCardIndex?: number }
  readonly Ipv6Addresses?: readonly { readonly Ipv6Address?: string }[]
  readonly Ipv6Prefixes?: readonly unknown[]
}

const states: readonly string[] = ['pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped']

/** A server of an answer of `api`. Throws `Unavailable` when it lacks what every server has. */
export function readInstance(api: string, raw: RawInstance): Instance {
  const { InstanceId, PrivateIpAddress, PublicIpAddress, StateReason } = raw
  const interfaces = raw.NetworkInterfaces ?? []
  const addresses = interfaces.flatMap(({ Ipv6Addresses = [] }) => Ipv6Addresses.map((one) => one.Ipv6Address))
  return {
    id: present(api, 'an instance id', InstanceId),
    state: readState(api, raw.State?.Name),
    ...(StateReason?.Code === undefined
      ? {}
      : { stateReason: { code: StateReason.Code, message: StateReason.Message ?? '' } }),
    privateDnsName: raw.PrivateDnsName ?? '',
    publicDnsName: raw.PublicDnsName ?? '',
    privateAddresses: [PrivateIpAddress, ...addresses].flatMap((one) => (one === undefined || one === '' ? [] : [one])),
    ...(PublicIpAddress === undefined || PublicIpAddress === '' ? {} : { publicAddress: PublicIpAddress }),
    tags: readTags(raw.Tags),
    ownVolumeIds: (raw.BlockDeviceMappings ?? []).flatMap(({ Ebs }) =>
      Ebs?.VolumeId === undefined || Ebs.DeleteOnTermination !== true ? [] : [Ebs.VolumeId],
    ),
    monitored: ['enabled', 'pending'].includes(raw.Monitoring?.State ?? ''),
    metadata: raw.MetadataOptions ?? {},
    interfaces: interfaces.map((one) => ({
      id: present(api, 'the id of an interface', one.NetworkInterfaceId),
      deviceIndex: one.Attachment?.DeviceIndex ?? 0,
      networkCardIndex: one.Attachment?.NetworkCardIndex ?? 0,
      sourceDestCheck: one.SourceDestCheck ?? true,
      ipv6Prefixes: one.Ipv6Prefixes?.length ?? 0,
    })),
  }
}

/** The state of an answer. */
export function readState(api: string, name: string | undefined): InstanceState {
  if (name !== undefined && states.includes(name)) return name as InstanceState
  throw malformed(api, `a state: "${name ?? ''}"`)
}

/** Tags of an answer. */
export function readTags(tags: readonly RawTag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]))
}

/** A value that every answer of `api` has. */
export function present<Value>(api: string, what: string, value: Value | undefined): Value {
  if (value !== undefined && value !== '') return value
  throw malformed(api, what)
}

/** What an answer without sense is: the call may have been carried out. */
export function malformed(api: string, what: string): Failure {
  return new Failure('Unavailable', `the answer of AWS to ${api} lacks ${what}`)
}
