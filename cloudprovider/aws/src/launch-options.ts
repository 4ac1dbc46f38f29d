import { type Static, Type } from 'typebox'
import type { LaunchOptions } from './run-request-types.ts'
import { oneOf, refuse, strictObject, text, whole } from './spec-schema.ts'

/** Schemas of what a class says about how and where its servers run. */
export const launchOptionFields = {
  spotPrice: Type.Optional(
    Type.String({
      pattern: '^(\\d+(\\.\\d+)?)?$',
      description: 'Older way to ask for spot servers: most dollars an hour; empty: as much as others pay.',
    }),
  ),
  capacityReservation: Type.Optional(
    strictObject({
      capacityReservationPreference: Type.Optional(
        oneOf('Which reservations may be used.', ['open', 'none', 'capacity-reservations-only']),
      ),
      capacityReservationId: Type.Optional(text('The reservation to use.')),
      capacityReservationResourceGroupArn: Type.Optional(text('The group of reservations to use.')),
    }),
  ),
  instanceMetadataOptions: Type.Optional(
    strictObject({
      httpEndpoint: Type.Optional(oneOf('Whether servers can read their metadata.', ['enabled', 'disabled'])),
      httpPutResponseHopLimit: Type.Optional(whole('How far answers may travel; 0 means unset.', 0, 64)),
      httpTokens: Type.Optional(oneOf('Whether a token must be shown.', ['required', 'optional'])),
      httpProtocolIpv6: Type.Optional(oneOf('Whether version 6 works too.', ['enabled', 'disabled'])),
    }),
  ),
  cpuOptions: Type.Optional(
    strictObject({
      coreCount: Type.Optional(whole('Cores.', 1)),
      threadsPerCore: Type.Optional(whole('Threads of each.', 1, 2)),
      amdSevSnp: Type.Optional(oneOf('Whether memory is encrypted by the processor.', ['enabled', 'disabled'])),
    }),
  ),
  placement: Type.Optional(
    strictObject({
      groupId: Type.Optional(text('Placement group.')),
      tenancy: Type.Optional(oneOf('With whom hosts are shared.', ['default', 'dedicated', 'host'])),
      hostId: Type.Optional(text('The dedicated host; with tenancy `host` only.')),
      partitionNumber: Type.Optional(whole('Partition of the placement group.', 1)),
      affinity: Type.Optional(oneOf('Whether it starts on the same host again.', ['default', 'host'])),
    }),
  ),
  instanceMarketOptions: Type.Optional(
    strictObject({
      marketType: oneOf('How the servers are paid for.', [
        'spot',
        'capacity-block',
        'interruptible-capacity-reservation',
      ]),
    }),
  ),
}

const optionsSchema = Type.Object(launchOptionFields)

/** What a class says about how and where its servers run. */
export type LaunchOptionsSpec = Static<typeof optionsSchema>

/** Throws `Invalid` for options that exclude each other. */
export function checkLaunchOptions(spec: LaunchOptionsSpec): void {
  const { capacityReservation, cpuOptions, placement, instanceMarketOptions, spotPrice } = spec
  const { capacityReservationId, capacityReservationResourceGroupArn } = capacityReservation ?? {}
  if (capacityReservationId !== undefined && capacityReservationResourceGroupArn !== undefined) {
    throw refuse('capacityReservation', 'it names a reservation and a group of them', 'leave one of the two out')
  }
  if ((cpuOptions?.coreCount === undefined) !== (cpuOptions?.threadsPerCore === undefined)) {
    throw refuse('cpuOptions', 'coreCount and threadsPerCore go together', 'give both or neither')
  }
  if (placement?.hostId !== undefined && placement.tenancy !== 'host') {
    throw refuse('placement.hostId', 'only servers of tenancy host have a host of their own')
  }
  const market = instanceMarketOptions?.marketType
  if (spotPrice !== undefined && market !== undefined && market !== 'spot') {
    throw refuse('spotPrice', `servers of market type ${market} have no spot price`)
  }
  const reserved = capacityReservationId ?? capacityReservationResourceGroupArn
  if (market === 'capacity-block' && reserved === undefined) {
    throw refuse('capacityReservation', 'a capacity block is a reservation that must be named')
  }
}

/** The options that are sent. */
export function launchOptions(spec: LaunchOptionsSpec): LaunchOptions {
  return {
    ...marketOptions(spec),
    ...reservationOptions(spec.capacityReservation),
    ...metadataOptions(spec.instanceMetadataOptions),
    ...cpuOptions(spec.cpuOptions),
    ...placementOptions(spec.placement),
  }
}

function marketOptions({ spotPrice, instanceMarketOptions }: LaunchOptionsSpec): LaunchOptions {
  const MarketType = instanceMarketOptions?.marketType ?? (spotPrice === undefined ? undefined : 'spot')
  if (MarketType === undefined) return {}
  const capped = spotPrice !== undefined && spotPrice !== ''
  return { InstanceMarketOptions: { MarketType, ...(capped ? { SpotOptions: { MaxPrice: spotPrice } } : {}) } }
}

function reservationOptions(reservation: LaunchOptionsSpec['capacityReservation']): LaunchOptions {
  if (reservation === undefined) return {}
  const { capacityReservationPreference, capacityReservationId, capacityReservationResourceGroupArn } = reservation
  const target = {
    ...(capacityReservationId === undefined ? {} : { CapacityReservationId: capacityReservationId }),
    ...(capacityReservationResourceGroupArn === undefined
      ? {}
      : { CapacityReservationResourceGroupArn: capacityReservationResourceGroupArn }),
  }
  const specification = {
    ...(capacityReservationPreference === undefined
      ? {}
      : { CapacityReservationPreference: capacityReservationPreference }),
    ...(Object.keys(target).length === 0 ? {} : { CapacityReservationTarget: target }),
  }
  return Object.keys(specification).length === 0 ? {} : { CapacityReservationSpecification: specification }
}

/** The metadata options that are sent; undefined when the class has none. */
export function metadataOptions(options: LaunchOptionsSpec['instanceMetadataOptions']): LaunchOptions {
  if (options === undefined) return {}
  const { httpEndpoint, httpPutResponseHopLimit = 0, httpTokens, httpProtocolIpv6 } = options
  const sent = {
    ...(httpEndpoint === undefined ? {} : { HttpEndpoint: httpEndpoint }),
    ...(httpPutResponseHopLimit === 0 ? {} : { HttpPutResponseHopLimit: httpPutResponseHopLimit }),
    ...(httpTokens === undefined ? {} : { HttpTokens: httpTokens }),
    ...(httpProtocolIpv6 === undefined ? {} : { HttpProtocolIpv6: httpProtocolIpv6 }),
  }
  return Object.keys(sent).length === 0 ? {} : { MetadataOptions: sent }
}

function cpuOptions(options: LaunchOptionsSpec['cpuOptions']): LaunchOptions {
  if (options === undefined || Object.keys(options).length === 0) return {}
  const { coreCount, threadsPerCore, amdSevSnp } = options
  return {
    CpuOptions: {
      ...(coreCount === undefined ? {} : { CoreCount: coreCount }),
      ...(threadsPerCore === undefined ? {} : { ThreadsPerCore: threadsPerCore }),
      ...(amdSevSnp === undefined ? {} : { AmdSevSnp: amdSevSnp }),
    },
  }
}

function placementOptions(placement: LaunchOptionsSpec['placement']): LaunchOptions {
  if (placement === undefined || Object.keys(placement).length === 0) return {}
  const { groupId, tenancy, hostId, partitionNumber, affinity } = placement
  return {
    Placement: {
      ...(groupId === undefined ? {} : { GroupId: groupId }),
      ...(tenancy === undefined ? {} : { Tenancy: tenancy }),
      ...(hostId === undefined ? {} : { HostId: hostId }),
      ...(partitionNumber === undefined ? {} : { PartitionNumber: partitionNumber }),
      ...(affinity === undefined ? {} : { Affinity: affinity }),
    },
  }
}
