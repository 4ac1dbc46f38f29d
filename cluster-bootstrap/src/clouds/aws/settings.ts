import type { DefaultedWorker } from '@trellis/api/garden/shoot-defaults'
import { choice, complete, flag, int32, list, optional, partial, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import type { Static } from 'typebox'
import { parseConfiguration } from '../../infrastructure/aws/configuration.ts'
import type { Blueprint } from '../../shoot/blueprint.ts'
import { imageError } from '../images.ts'
import { ownPart } from '../parts.ts'
import { infrastructureErrors } from '../places.ts'
import { checkNothing, checkVolumeSize, createSettingsCheck } from '../settings.ts'
import { awsProfile, findAmi } from './profile.ts'

const speed = {
  iops: optional(int32('Operations a second.', { minimum: 1 })),
  throughput: optional(int32('MiB a second.', { minimum: 1 })),
}

const workerSchema = ownPart('What a pool says about its machines on AWS.', {
  volume: optional(partial('How fast the root volume is.', speed)),
  dataVolumes: optional(
    list(
      'How fast the further volumes are.',
      complete('A further volume.', {
        name: text('Name of the volume in dataVolumes of the pool.'),
        ...speed,
        snapshotID: optional(text('Snapshot that the volume begins with.')),
      }),
    ),
  ),
  iamInstanceProfile: optional(
    partial('Instance profile of the machines; that of the infrastructure when absent.', {
      name: text('Its name.'),
      arn: text('Its ARN.'),
    }),
  ),
  instanceMetadataOptions: optional(
    partial('How the machines reach the metadata service.', {
      httpTokens: choice('Whether a token is needed; it is when absent.', ['required', 'optional']),
      httpPutResponseHopLimit: int32('How far answers travel; 1 when absent, so that no pod reads them.', {
        minimum: 1,
        maximum: 64,
      }),
    }),
  ),
  cpuOptions: optional(
    complete('How the processor is divided.', {
      coreCount: int32('Cores.', { minimum: 1 }),
      threadsPerCore: int32('Threads of each core.', { minimum: 1, maximum: 2 }),
      amdSevSnp: optional(choice('Whether memory is encrypted.', ['enabled', 'disabled'])),
    }),
  ),
  capacityReservation: optional(
    partial('A reservation that the machines are taken from.', {
      capacityReservationPreference: choice('Whether others may do.', ['open', 'none', 'capacity-reservations-only']),
      capacityReservationId: text('Its identifier.'),
      capacityReservationResourceGroupArn: text('ARN of a group of reservations.'),
    }),
  ),
  instanceMarketOptions: optional(
    complete('How the machines are paid for.', {
      marketType: choice('The market.', ['spot', 'capacity-block', 'interruptible-capacity-reservation']),
    }),
  ),
  ebsOptimized: optional(flag('Whether volumes have bandwidth of their own.')),
  monitoring: optional(flag('Whether the cloud measures the machines each minute.')),
})

/** What a pool says about its machines on AWS. */
export type AwsWorkerConfig = Static<typeof workerSchema>

const checkWorker = createSettingsCheck(workerSchema)

/** Letters of the devices that further volumes may be attached as: AWS recommends /dev/sdf to /dev/sdp. */
const dataDeviceLetters = 'fghijklmnop'

/** Device of the further volume of this number, counted from 0. */
export function dataDeviceName(index: number): string {
  return `/dev/sd${dataDeviceLetters.charAt(index)}`
}

/** What is wrong with the parts of a Shoot that only AWS knows. */
export function validateAwsShoot(blueprint: Blueprint): FieldError[] {
  const { shoot, pools, region, networks } = blueprint
  const zones = [...new Set(pools.flatMap(({ worker }) => worker.zones ?? []))]
  const { controlPlaneConfig } = shoot.spec.provider
  const profile = awsProfile(blueprint.providerConfig)
  return [
    ...infrastructureErrors(blueprint, (configuration) =>
      parseConfiguration({ configuration, region, zones, networks }),
    ),
    ...checkNothing(controlPlaneConfig, 'spec.provider.controlPlaneConfig'),
    ...pools.flatMap((pool, index) => [
      ...(findAmi(profile, pool, region) === undefined ? [imageError(pool, index, region)] : []),
      ...workerErrors(pool.worker, `spec.provider.workers[${index}]`),
    ]),
  ]
}

function workerErrors(worker: DefaultedWorker, at: string): FieldError[] {
  const { volume, dataVolumes = [], providerConfig } = worker
  const shape = checkWorker(providerConfig, `${at}.providerConfig`)
  if (shape.length > 0) return shape
  const config = (providerConfig ?? {}) as AwsWorkerConfig
  return [
    ...(volume === undefined
      ? [fieldError(`${at}.volume`, 'is required', 'say how big the root volume is')]
      : [
          ...checkVolumeSize(volume.size, `${at}.volume`),
          ...speedErrors(volume.type, config.volume, `${at}.providerConfig.volume`),
        ]),
    ...dataVolumes.flatMap(({ size }, index) => checkVolumeSize(size, `${at}.dataVolumes[${index}]`)),
    ...(dataVolumes.length > dataDeviceLetters.length
      ? [fieldError(`${at}.dataVolumes`, `a machine has at most ${dataDeviceLetters.length} further volumes`)]
      : []),
    ...dataVolumeErrors(worker, config, at),
    ...exclusiveErrors(config, `${at}.providerConfig`),
  ]
}

function dataVolumeErrors({ dataVolumes = [] }: DefaultedWorker, config: AwsWorkerConfig, at: string): FieldError[] {
  return [
    ...(config.dataVolumes ?? []).flatMap(({ name }, index) =>
      dataVolumes.some((volume) => volume.name === name)
        ? []
        : [fieldError(`${at}.providerConfig.dataVolumes[${index}].name`, `the pool has no further volume ${name}`)],
    ),
    ...dataVolumes.flatMap(({ name, type }) =>
      speedErrors(
        type,
        config.dataVolumes?.find((one) => one.name === name),
        `${at}.providerConfig.dataVolumes`,
      ),
    ),
  ]
}

/** Type of volumes that name none. */
export const defaultVolumeType = 'gp3'

interface Speed {
  readonly iops?: number
  readonly throughput?: number
}

/** Volumes that are sold by operations must say how many; those that are not cannot. */
function speedErrors(given: string | undefined, speed: Speed | undefined, at: string): FieldError[] {
  const type = given ?? defaultVolumeType
  const { iops, throughput } = speed ?? {}
  const byOperations = type === 'io1' || type === 'io2'
  return [
    ...(byOperations && iops === undefined
      ? [fieldError(`${at}.iops`, `is required for volumes of type ${type}`)]
      : []),
    ...(iops !== undefined && !byOperations && type !== 'gp3'
      ? [fieldError(`${at}.iops`, `cannot be chosen for volumes of type ${type}`)]
      : []),
    ...(throughput !== undefined && type !== 'gp3'
      ? [fieldError(`${at}.throughput`, `cannot be chosen for volumes of type ${type}`)]
      : []),
  ]
}

function exclusiveErrors(config: AwsWorkerConfig, at: string): FieldError[] {
  const { iamInstanceProfile: profile, capacityReservation: reservation } = config
  const one = profile === undefined || (profile.name === undefined) !== (profile.arn === undefined)
  const unreserved =
    config.instanceMarketOptions?.marketType === 'capacity-block' &&
    reservation?.capacityReservationId === undefined &&
    reservation?.capacityReservationResourceGroupArn === undefined
  const both =
    reservation?.capacityReservationId !== undefined && reservation.capacityReservationResourceGroupArn !== undefined
  return [
    ...(one ? [] : [fieldError(`${at}.iamInstanceProfile`, 'needs either name or arn')]),
    ...(both ? [fieldError(`${at}.capacityReservation`, 'may name a reservation or a group of them, not both')] : []),
    ...(unreserved ? [fieldError(`${at}.capacityReservation`, 'must name the capacity block')] : []),
  ]
}
