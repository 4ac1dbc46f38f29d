import type { CloudProfile } from '../garden/cloud-profile.ts'
import type { Seed } from '../garden/seed.ts'
import { type Shoot, shootSchema } from '../garden/shoot.ts'
import { longestProjectAndShootName, projectOfNamespace } from '../garden/shoot-names.ts'
import { isUsableVersion } from '../garden/versions.ts'
import { isDnsLabel } from '../names.ts'
import { type FieldError, fieldError } from './field-error.ts'
import { validateShootNetworks } from './shoot-networks.ts'
import { validateShootWorkers } from './shoot-workers.ts'
import { createStructureCheck } from './structure.ts'

/** What a Shoot is checked against. */
export interface ShootContext {
  /** The cloud profile that the Shoot names, if there is one of that name. */
  readonly cloudProfile: CloudProfile | undefined
  /** The seed that runs, or is to run, the control plane, once that is known. */
  readonly seed: Seed | undefined
  /** The present instant in milliseconds since the epoch: versions that have expired by then are refused. */
  readonly now?: number
}

const checkStructure = createStructureCheck(shootSchema)

/**
 * Everything that is wrong with a Shoot; empty when it can be grown. Takes what a user wrote, so nothing about its shape is
 * taken for granted. Fields that are absent count as their defaults.
 */
export function validateShoot(shoot: unknown, context: ShootContext): FieldError[] {
  const { unknown, wrong } = checkStructure(shoot)
  if (wrong.length > 0) return [...unknown, ...wrong]
  const sound = shoot as Shoot
  return [
    ...unknown,
    ...nameErrors(sound),
    ...profileErrors(sound, context.cloudProfile),
    ...seedErrors(sound, context.seed),
    ...versionErrors(sound, context),
    ...bindingErrors(sound),
    ...unavailableErrors(sound),
    ...validateShootNetworks(sound, context.seed),
    ...validateShootWorkers({ shoot: sound, cloudProfile: context.cloudProfile, now: context.now }),
  ]
}

/** The name of the cloud profile that a Shoot follows, in either of the two ways to write it. */
export function cloudProfileNameOf(shoot: Shoot): string | undefined {
  return shoot.spec.cloudProfile?.name ?? shoot.spec.cloudProfileName
}

function nameErrors(shoot: Shoot): FieldError[] {
  const { name, namespace } = shoot.metadata
  const project = projectOfNamespace(namespace ?? '')
  const errors: FieldError[] = []
  if (!isDnsLabel(name ?? '')) {
    errors.push(fieldError('metadata.name', 'must be lower-case letters, digits and inner dashes'))
  } else if (name.includes('--')) {
    errors.push(fieldError('metadata.name', 'may not contain two dashes in a row'))
  }
  if (project === undefined) {
    const message = `${namespace ?? '(none)'} is not the namespace of a project`
    errors.push(fieldError('metadata.namespace', message, 'create the Shoot in garden-<project>'))
  } else if (project.length + (name ?? '').length > longestProjectAndShootName) {
    const message = `project ${project} and Shoot ${name} have ${project.length + name.length} letters together`
    errors.push(fieldError('metadata.name', message, `${longestProjectAndShootName} are allowed; shorten the name`))
  }
  return errors
}

function profileErrors(shoot: Shoot, cloudProfile: CloudProfile | undefined): FieldError[] {
  const { spec } = shoot
  const name = cloudProfileNameOf(shoot)
  const field =
    spec.cloudProfile === undefined && spec.cloudProfileName !== undefined
      ? 'spec.cloudProfileName'
      : 'spec.cloudProfile.name'
  if (name === undefined || name === '') return [fieldError(field, 'is required')]
  if (spec.cloudProfileName !== undefined && spec.cloudProfileName !== name) {
    return [fieldError('spec.cloudProfileName', `differs from spec.cloudProfile.name ${name}`, 'leave it out')]
  }
  if (cloudProfile === undefined) return [fieldError(field, `there is no cloud profile ${name}`)]
  const regions = cloudProfile.spec.regions.map((region) => region.name)
  return [
    ...(spec.provider.type === cloudProfile.spec.type
      ? []
      : [
          fieldError(
            'spec.provider.type',
            `cloud profile ${name} is for ${cloudProfile.spec.type}, not ${spec.provider.type}`,
          ),
        ]),
    ...(regions.includes(spec.region)
      ? []
      : [fieldError('spec.region', `there is no region ${spec.region}`, `choose one of ${regions.join(', ')}`)]),
  ]
}

function seedErrors(shoot: Shoot, seed: Seed | undefined): FieldError[] {
  const { seedName } = shoot.spec
  if (seedName === undefined || seed?.metadata.name === seedName) return []
  return [fieldError('spec.seedName', `there is no seed ${seedName}`)]
}

function versionErrors(shoot: Shoot, { cloudProfile, now }: ShootContext): FieldError[] {
  const version = shoot.spec.kubernetes?.version
  if (version === undefined || cloudProfile === undefined) return []
  const offered = cloudProfile.spec.kubernetes.versions
  const usable = offered.filter((one) => isUsableVersion(one, now)).map((one) => one.version)
  if (usable.includes(version)) return []
  const expired = offered.some((one) => one.version === version)
  const message = expired ? `Kubernetes ${version} has expired` : `there is no Kubernetes version ${version}`
  return [fieldError('spec.kubernetes.version', message, `choose one of ${usable.join(', ')}`)]
}

function bindingErrors(shoot: Shoot): FieldError[] {
  // Whether a cloud needs one is for the cloud to say: the embedded one takes its credentials from the seed.
  const { secretBindingName, credentialsBindingName } = shoot.spec
  if (secretBindingName === undefined || credentialsBindingName === undefined) return []
  return [fieldError('spec.credentialsBindingName', 'may not be set together with secretBindingName')]
}

/** Fields of the reference that stand in the schema for manifests' sake and that nothing acts on: silence would be a lie. */
function unavailableErrors(shoot: Shoot): FieldError[] {
  const { hibernation, addons } = shoot.spec
  const wanted = [
    { field: 'spec.hibernation.enabled', value: hibernation?.enabled },
    { field: 'spec.addons.kubernetesDashboard.enabled', value: addons?.kubernetesDashboard?.enabled },
    { field: 'spec.addons.nginxIngress.enabled', value: addons?.nginxIngress?.enabled },
  ]
  return wanted
    .filter(({ value }) => value === true)
    .map(({ field }) => fieldError(field, 'is not available', 'set it to false or leave it out'))
}
