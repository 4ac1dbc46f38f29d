import { type CloudProfile, cloudProfiles } from '@trellis/api/garden/cloud-profile'
import { type Seed, seeds } from '@trellis/api/garden/seed'
import type { Shoot } from '@trellis/api/garden/shoot'
import { type FieldError, fieldError } from '@trellis/api/validation/field-error'
import { cloudProfileNameOf, validateShoot } from '@trellis/api/validation/shoot'
import type { Flow } from '@trellis/flow/define-flow'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'
import type { ShootCloud } from '../clouds/cloud.ts'
import { bindingErrors } from '../clouds/credentials.ts'
import { chooseCloud } from '../clouds/known-clouds.ts'
import { placeErrors } from '../clouds/places.ts'
import type { ShootServices } from '../tasks/services.ts'
import { type Blueprint, makeBlueprint } from './blueprint.ts'
import { checkPlan } from './check.ts'

/** What planning needs. */
export interface PlanPorts {
  readonly clock: Clock
  readonly garden: Client
  readonly seedName: string
  /** References of images by name. */
  readonly images: Readonly<Record<string, string>>
  /** Kinds of clouds that shoots may be on. */
  readonly clouds: readonly ShootCloud[]
  readonly createFlow: Flow<ShootServices>
}

/** A shoot that can be grown. */
export interface ShootPlan {
  readonly blueprint: Blueprint
  readonly cloud: ShootCloud
}

/** Why a shoot cannot be grown; at least one error. */
export interface ShootErrors {
  readonly errors: readonly FieldError[]
}

/** Checks a shoot against its cloud, its cloud profile and its seed and works its blueprint out; or says what is wrong. Makes nothing. */
export async function planShoot(ports: PlanPorts, shoot: Shoot): Promise<ShootPlan | ShootErrors> {
  const { clock, garden, seedName } = ports
  const profileName = cloudProfileNameOf(shoot)
  const [cloudProfile, seed] = await Promise.all([
    profileName === undefined ? undefined : garden.find(cloudProfiles, { name: profileName }),
    garden.find(seeds, { name: seedName }),
  ])
  const now = clock.now()
  const errors = validateShoot(userPart(shoot), { cloudProfile, seed, now })
  if (seed === undefined) errors.push(fieldError('spec.seedName', `there is no seed ${seedName}`))
  if (errors.length > 0 || cloudProfile === undefined || seed === undefined) return { errors }
  const choice = chooseCloud(ports.clouds, shoot.spec.provider.type)
  if ('error' in choice) return { errors: [choice.error] }
  return planAt(ports, choice.cloud, { shoot, cloudProfile, seed, now })
}

interface Subject {
  readonly shoot: Shoot
  readonly cloudProfile: CloudProfile
  readonly seed: Seed
  readonly now: number
}

function planAt(ports: PlanPorts, cloud: ShootCloud, subject: Subject): ShootPlan | ShootErrors {
  const { cloudProfile, shoot } = subject
  const unsound = cloud.validateProfile(cloudProfile).map((error) => ofProfile(cloudProfile, error))
  if (unsound.length > 0) return { errors: unsound }
  try {
    const blueprint = makeBlueprint({ ...subject, alwaysNumberZones: cloud.needsZones })
    const errors = [
      ...bindingErrors(cloud, shoot),
      ...placeErrors(cloud, blueprint),
      ...cloud.validateShoot(blueprint),
      ...checkPlan({ blueprint, flow: ports.createFlow, images: ports.images }),
    ]
    return errors.length > 0 ? { errors } : { blueprint, cloud }
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'Invalid') throw error
    return { errors: [fieldError(error.field ?? 'spec', error.message, error.remedy)] }
  }
}

/** The error stands in another object than the one whose status tells it. */
function ofProfile({ metadata }: CloudProfile, error: FieldError): FieldError {
  return { ...error, field: `CloudProfile ${metadata.name}: ${error.field}` }
}

/** What a user wrote: the status is ours and nothing to refuse a spec for. */
function userPart({ status: _, ...shoot }: Shoot): Omit<Shoot, 'status'> {
  return shoot
}
