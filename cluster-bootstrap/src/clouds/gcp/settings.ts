import type { DefaultedWorker } from '@trellis/api/garden/shoot-defaults'
import { choice, complete, int32, list, optional, partial, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { type Static, Type } from 'typebox'
import { parseConfiguration } from '../../infrastructure/gcp/configuration.ts'
import type { Blueprint } from '../../shoot/blueprint.ts'
import { imageError } from '../images.ts'
import { ownPart } from '../parts.ts'
import { infrastructureErrors } from '../places.ts'
import { checkVolumeSize, createSettingsCheck } from '../settings.ts'
import { findDiskImage, gcpProfile } from './profile.ts'

/** Type of volumes that are disks of the machine's own host, and die with it. */
export const localDiskType = 'SCRATCH'

const workerSchema = ownPart('What a pool says about its machines on GCP.', {
  volume: optional(
    partial('More about its volumes.', {
      interface: choice('How disks of the host are attached.', ['NVME', 'SCSI']),
      encryption: complete('A key of the user in place of one of the cloud.', {
        kmsKeyName: text('Name of the key.', { minLength: 1 }),
        kmsKeyServiceAccount: optional(text('Account that may use the key.')),
      }),
    }),
  ),
  dataVolumes: optional(
    list(
      'More about the further volumes.',
      complete('A further volume.', {
        name: text('Name of the volume in dataVolumes of the pool.'),
        provisionedIops: optional(int32('Operations a second.', { minimum: 1 })),
        provisionedThroughput: optional(int32('MiB a second.', { minimum: 1 })),
        storagePool: optional(text('Pool that the volume is taken from.')),
      }),
    ),
  ),
  serviceAccount: optional(
    complete('Whom programs on the machines are to the cloud; that of the infrastructure when absent.', {
      email: text('The account.', { minLength: 1 }),
      scopes: list('What it may be used for.', Type.String(), { minItems: 1 }),
    }),
  ),
  gpu: optional(
    complete('Graphics processors.', {
      acceleratorType: text('Their type.', { minLength: 1 }),
      count: int32('How many.', { minimum: 1 }),
    }),
  ),
  minCpuPlatform: optional(text('Oldest processors that will do.')),
})

/** What a pool says about its machines on GCP. */
export type GcpWorkerConfig = Static<typeof workerSchema>

const controlPlaneSchema = ownPart('What a Shoot says about its control plane on GCP.', {
  zone: optional(text('Zone that volumes are made in when nothing else decides.')),
})

const checkWorker = createSettingsCheck(workerSchema)
const checkControlPlane = createSettingsCheck(controlPlaneSchema)

/** What is wrong with the parts of a Shoot that only GCP knows. */
export function validateGcpShoot(blueprint: Blueprint): FieldError[] {
  const { pools, region, shoot, networks } = blueprint
  const profile = gcpProfile(blueprint.providerConfig)
  return [
    ...infrastructureErrors(blueprint, (configuration) => parseConfiguration(configuration, networks.nodes)),
    ...checkControlPlane(shoot.spec.provider.controlPlaneConfig, 'spec.provider.controlPlaneConfig'),
    ...pools.flatMap((pool, index) => [
      ...(findDiskImage(profile, pool) === undefined ? [imageError(pool, index, region)] : []),
      ...workerErrors(pool.worker, `spec.provider.workers[${index}]`),
    ]),
  ]
}

function workerErrors(worker: DefaultedWorker, at: string): FieldError[] {
  const { volume, dataVolumes = [], providerConfig } = worker
  const shape = checkWorker(providerConfig, `${at}.providerConfig`)
  if (shape.length > 0) return shape
  const config = (providerConfig ?? {}) as GcpWorkerConfig
  return [
    ...(volume === undefined
      ? [fieldError(`${at}.volume`, 'is required', 'say how big the root volume is')]
      : [...checkVolumeSize(volume.size, `${at}.volume`), ...encryptionErrors(volume.encrypted, `${at}.volume`)]),
    ...(volume?.type === localDiskType
      ? [fieldError(`${at}.volume.type`, 'a disk of the host cannot be booted from')]
      : []),
    ...dataVolumes.flatMap((one, index) => [
      ...checkVolumeSize(one.size, `${at}.dataVolumes[${index}]`),
      ...encryptionErrors(one.encrypted, `${at}.dataVolumes[${index}]`),
      ...(one.type === localDiskType && config.volume?.interface === undefined
        ? [fieldError(`${at}.providerConfig.volume.interface`, `is required for volumes of type ${localDiskType}`)]
        : []),
    ]),
    ...(config.dataVolumes ?? []).flatMap(({ name }, index) =>
      dataVolumes.some((one) => one.name === name)
        ? []
        : [fieldError(`${at}.providerConfig.dataVolumes[${index}].name`, `the pool has no further volume ${name}`)],
    ),
  ]
}

function encryptionErrors(encrypted: boolean | undefined, at: string): FieldError[] {
  return encrypted === false ? [fieldError(`${at}.encrypted`, 'every volume is encrypted here', 'leave it out')] : []
}
