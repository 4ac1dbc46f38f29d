import type { DefaultedWorker } from '@trellis/api/garden/shoot-defaults'
import { complete, list, optional, text } from '@trellis/api/schema-parts'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import type { Static } from 'typebox'
import { parseConfiguration } from '../../infrastructure/openstack/configuration.ts'
import type { Blueprint } from '../../shoot/blueprint.ts'
import { imageError } from '../images.ts'
import { ownPart } from '../parts.ts'
import { infrastructureErrors } from '../places.ts'
import { checkNothing, checkVolumeSize, createSettingsCheck } from '../settings.ts'
import { findServerImage, type OpenstackProfile, openstackProfile } from './profile.ts'

const workerSchema = ownPart('What a pool says about its machines on OpenStack.', {
  machineLabels: optional(
    list(
      'Further metadata of the servers.',
      complete('A pair.', { name: text('Its key.', { minLength: 1, maxLength: 255 }), value: text('Its value.') }),
    ),
  ),
})

/** What a pool says about its machines on OpenStack. */
export type OpenstackWorkerConfig = Static<typeof workerSchema>

const controlPlaneSchema = ownPart('What a Shoot says about its control plane on OpenStack.', {
  loadBalancerProvider: text('Who makes load balancers.'),
})

/** What a Shoot that has passed validation says about its control plane on OpenStack; nothing when it says nothing. */
export function openstackControlPlane({ shoot }: Blueprint): Partial<Static<typeof controlPlaneSchema>> {
  return (shoot.spec.provider.controlPlaneConfig ?? {}) as Partial<Static<typeof controlPlaneSchema>>
}

const checkWorker = createSettingsCheck(workerSchema)
const checkControlPlane = createSettingsCheck(controlPlaneSchema)

/** Beginnings of keys by which servers are known as ours. */
const reservedKey = /^(kubernetes\.io-(cluster|role)-|machine\.sapcloud\.io)/

/** What is wrong with the parts of a Shoot that only OpenStack knows. */
export function validateOpenstackShoot(blueprint: Blueprint): FieldError[] {
  const { pools, region, networks } = blueprint
  const profile = openstackProfile(blueprint.providerConfig)
  return [
    ...infrastructureErrors(blueprint, (configuration) => parseConfiguration(configuration, networks.nodes)),
    ...controlPlaneErrors(blueprint, profile),
    ...pools.flatMap((pool, index) => [
      ...(findServerImage(profile, pool, region) === undefined ? [imageError(pool, index, region)] : []),
      ...workerErrors(pool.worker, `spec.provider.workers[${index}]`),
    ]),
  ]
}

function controlPlaneErrors({ shoot, region }: Blueprint, { constraints }: OpenstackProfile): FieldError[] {
  const at = 'spec.provider.controlPlaneConfig'
  const { controlPlaneConfig } = shoot.spec.provider
  const shape = checkControlPlane(controlPlaneConfig, at)
  const offered = constraints?.loadBalancerProviders
  if (controlPlaneConfig === undefined || shape.length > 0 || offered === undefined) return shape
  const wanted = (controlPlaneConfig as Static<typeof controlPlaneSchema>).loadBalancerProvider
  const names = offered.filter((one) => (one.region ?? region) === region).map(({ name }) => name)
  if (names.includes(wanted)) return []
  return [
    fieldError(
      `${at}.loadBalancerProvider`,
      `region ${region} has no maker ${wanted}`,
      `choose one of ${names.join(', ')}`,
    ),
  ]
}

function workerErrors({ volume, dataVolumes, providerConfig }: DefaultedWorker, at: string): FieldError[] {
  const shape = checkWorker(providerConfig, `${at}.providerConfig`)
  const { machineLabels = [] } = (shape.length > 0 ? {} : (providerConfig ?? {})) as OpenstackWorkerConfig
  return [
    ...shape,
    ...(volume === undefined ? [] : checkVolumeSize(volume.size, `${at}.volume`)),
    ...(volume?.encrypted === undefined
      ? []
      : [fieldError(`${at}.volume.encrypted`, 'is up to the type of the volume here', 'choose a type that encrypts')]),
    ...checkNothing(dataVolumes, `${at}.dataVolumes`),
    ...machineLabels.flatMap(({ name }, index) =>
      reservedKey.test(name)
        ? [fieldError(`${at}.providerConfig.machineLabels[${index}].name`, 'is kept for marks of ownership')]
        : [],
    ),
  ]
}
