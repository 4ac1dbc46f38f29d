import { durationMilliseconds } from '../duration.ts'
import type { CloudProfile, MachineType } from '../garden/cloud-profile.ts'
import type { Shoot } from '../garden/shoot.ts'
import type { Worker } from '../garden/shoot-worker.ts'
import { compareVersions, isUsableVersion, minorsBetween } from '../garden/versions.ts'
import { isDnsLabel, isLabelValue, isQualifiedName } from '../names.ts'
import { countOf, percentageOf } from '../number-or-percentage.ts'
import { isQuantity } from '../quantity.ts'
import { type FieldError, fieldError } from './field-error.ts'

/** What a pool is checked against. */
interface Surroundings {
  readonly shoot: Shoot
  readonly cloudProfile: CloudProfile | undefined
  readonly now: number | undefined
}

/** One rule: what is wrong with this pool at this path. */
type Rule = (worker: Worker, at: string, surroundings: Surroundings) => FieldError[]

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** What is wrong with the worker pools of a Shoot. */
export function validateShootWorkers(surroundings: Surroundings): FieldError[] {
  const at = 'spec.provider.workers'
  const workers = surroundings.shoot.spec.provider.workers ?? []
  if (workers.length === 0) return [fieldError(at, 'at least one worker pool is needed')]
  return [
    ...workers.flatMap((worker, index) => rules.flatMap((rule) => rule(worker, `${at}[${index}]`, surroundings))),
    ...repeatedNames(workers, at),
    ...systemPool(workers, at),
  ]
}

const rules: readonly Rule[] = [
  nameRule,
  sizeRule,
  surgeRule,
  machineTypeRule,
  imageRule,
  zonesRule,
  volumeRule,
  labelsRule,
  taintsRule,
  timeoutsRule,
  versionRule,
]

function repeatedNames(workers: readonly Worker[], at: string): FieldError[] {
  return workers.flatMap((worker, index) =>
    workers.findIndex((other) => other.name === worker.name) < index
      ? [fieldError(`${at}[${index}].name`, `there is another pool ${worker.name}`, 'give each pool a name of its own')]
      : [],
  )
}

/** The components of the cluster itself need a place. */
function systemPool(workers: readonly Worker[], at: string): FieldError[] {
  const open = workers.some(
    (worker) => worker.maximum > 0 && !worker.taints?.some((taint) => taint.effect !== 'PreferNoSchedule'),
  )
  return open
    ? []
    : [fieldError(at, 'the components of the cluster need a pool with maximum of at least 1 and without taints')]
}

function nameRule(worker: Worker, at: string): FieldError[] {
  if (isDnsLabel(worker.name) && worker.name.length <= 15) return []
  return [fieldError(`${at}.name`, 'must be at most 15 lower-case letters, digits and inner dashes')]
}

function sizeRule(worker: Worker, at: string): FieldError[] {
  const { minimum, maximum } = worker
  return maximum < minimum ? [fieldError(`${at}.maximum`, `must be at least the minimum ${minimum}`)] : []
}

function surgeRule(worker: Worker, at: string): FieldError[] {
  const surge = worker.maxSurge ?? 1
  const unavailable = worker.maxUnavailable ?? 0
  const wrong = [
    ...amountErrors(surge, `${at}.maxSurge`),
    ...amountErrors(unavailable, `${at}.maxUnavailable`),
    ...((percentageOf(unavailable) ?? 0) > 100 ? [fieldError(`${at}.maxUnavailable`, 'must be at most 100%')] : []),
  ]
  if (wrong.length > 0 || Number.parseInt(String(surge), 10) + Number.parseInt(String(unavailable), 10) > 0)
    return wrong
  return [fieldError(`${at}.maxUnavailable`, 'may not be 0 when maxSurge is 0', 'no node could ever be replaced')]
}

function amountErrors(amount: number | string, at: string): FieldError[] {
  return countOf(amount, 100, 'up') === undefined
    ? [fieldError(at, 'must be a number of at least 0 or a share as in 25%')]
    : []
}

function machineTypeRule(worker: Worker, at: string, { cloudProfile }: Surroundings): FieldError[] {
  if (cloudProfile === undefined) return []
  const types = cloudProfile.spec.machineTypes
  const type = types.find(({ name }) => name === worker.machine.type)
  const usable = types.filter((one) => one.usable !== false).map(({ name }) => name)
  if (type === undefined || type.usable === false) {
    const why = type === undefined ? 'there is no' : 'new pools may not use'
    return [fieldError(`${at}.machine.type`, `${why} machine type ${worker.machine.type}`, choose(usable))]
  }
  return architectureErrors(worker, type, at)
}

function architectureErrors(worker: Worker, type: MachineType, at: string): FieldError[] {
  const wanted = worker.machine.architecture ?? 'amd64'
  const offered = type.architecture ?? 'amd64'
  if (wanted === offered) return []
  return [fieldError(`${at}.machine.architecture`, `machine type ${type.name} is ${offered}, not ${wanted}`)]
}

function imageRule(worker: Worker, at: string, { cloudProfile, now }: Surroundings): FieldError[] {
  const { image } = worker.machine
  if (image === undefined || cloudProfile === undefined) return []
  const images = cloudProfile.spec.machineImages
  const offered = images.find(({ name }) => name === image.name)
  if (offered === undefined) {
    const names = images.map(({ name }) => name)
    return [fieldError(`${at}.machine.image.name`, `there is no machine image ${image.name}`, choose(names))]
  }
  const usable = offered.versions.filter((version) => isUsableVersion(version, now)).map(({ version }) => version)
  if (image.version === undefined || usable.includes(image.version)) return []
  const message = `machine image ${image.name} has no usable version ${image.version}`
  return [fieldError(`${at}.machine.image.version`, message, choose(usable))]
}

function zonesRule(worker: Worker, at: string, { shoot, cloudProfile }: Surroundings): FieldError[] {
  const region = cloudProfile?.spec.regions.find(({ name }) => name === shoot.spec.region)
  if (region === undefined) return []
  const offered = (region.zones ?? []).map(({ name }) => name)
  return (worker.zones ?? []).flatMap((zone, index) =>
    offered.includes(zone)
      ? []
      : [fieldError(`${at}.zones[${index}]`, `region ${region.name} has no zone ${zone}`, choose(offered))],
  )
}

function volumeRule(worker: Worker, at: string, { cloudProfile }: Surroundings): FieldError[] {
  const { volume, dataVolumes = [] } = worker
  return [
    ...(volume === undefined ? [] : volumeErrors(volume, `${at}.volume`, cloudProfile)),
    ...dataVolumes.flatMap((one, index) => [
      ...volumeErrors(one, `${at}.dataVolumes[${index}]`, cloudProfile),
      ...dataVolumeNameErrors(dataVolumes, index, at),
    ]),
  ]
}

function dataVolumeNameErrors(volumes: NonNullable<Worker['dataVolumes']>, index: number, at: string): FieldError[] {
  const name = volumes[index]?.name ?? ''
  const field = `${at}.dataVolumes[${index}].name`
  if (!isDnsLabel(name)) return [fieldError(field, 'must be lower-case letters, digits and inner dashes')]
  const repeated = volumes.findIndex((one) => one.name === name) < index
  return repeated ? [fieldError(field, `there is another volume ${name} in the pool`)] : []
}

type Volume = Pick<NonNullable<Worker['volume']>, 'type' | 'size'>

function volumeErrors(volume: Volume, at: string, cloudProfile: CloudProfile | undefined): FieldError[] {
  const types = (cloudProfile?.spec.volumeTypes ?? []).filter((type) => type.usable !== false).map(({ name }) => name)
  const unknown = cloudProfile !== undefined && volume.type !== undefined && !types.includes(volume.type)
  return [
    ...(unknown ? [fieldError(`${at}.type`, `there is no volume type ${volume.type}`, choose(types))] : []),
    ...(isQuantity(volume.size) ? [] : [fieldError(`${at}.size`, 'must be a quantity such as 50Gi')]),
  ]
}

function labelsRule(worker: Worker, at: string): FieldError[] {
  const labels = Object.entries(worker.labels ?? {})
  const annotations = Object.keys(worker.annotations ?? {})
  return [
    ...labels.flatMap(([key, value]) => [
      ...keyErrors(key, `${at}.labels`),
      ...(isLabelValue(value) ? [] : [fieldError(`${at}.labels[${key}]`, `${value} is no value of a label`)]),
    ]),
    ...annotations.flatMap((key) => keyErrors(key, `${at}.annotations`)),
  ]
}

function keyErrors(key: string, at: string): FieldError[] {
  return isQualifiedName(key) ? [] : [fieldError(`${at}[${key}]`, 'is no key such as example.com/name')]
}

function taintsRule(worker: Worker, at: string): FieldError[] {
  return (worker.taints ?? []).flatMap((taint, index) => {
    const place = `${at}.taints[${index}]`
    return [
      ...(isQualifiedName(taint.key) ? [] : [fieldError(`${place}.key`, 'is no key such as example.com/name')]),
      ...(isLabelValue(taint.value ?? '') ? [] : [fieldError(`${place}.value`, 'is no value of a taint')]),
      ...(taintEffects.includes(taint.effect) ? [] : [fieldError(`${place}.effect`, choose(taintEffects))]),
    ]
  })
}

function timeoutsRule(worker: Worker, at: string): FieldError[] {
  const { maxEvictRetries, nodeConditions: _, ...timeouts } = worker.machineControllerManager ?? {}
  const place = `${at}.machineControllerManager`
  return [
    ...Object.entries(timeouts).flatMap(([name, timeout]) =>
      (durationMilliseconds(timeout) ?? 0) > 0
        ? []
        : [fieldError(`${place}.${name}`, `${timeout} is no duration above 0`, 'write it as 90s, 20m or 1h30m')],
    ),
    ...(maxEvictRetries !== undefined && maxEvictRetries < 0
      ? [fieldError(`${place}.maxEvictRetries`, 'must be at least 0')]
      : []),
  ]
}

/** Kubelets may be up to three minor versions older than the API server, never newer. */
function versionRule(worker: Worker, at: string, { shoot, cloudProfile }: Surroundings): FieldError[] {
  const version = worker.kubernetes?.version
  const controlPlane = shoot.spec.kubernetes?.version
  if (version === undefined) return []
  const place = `${at}.kubernetes.version`
  const offered = cloudProfile?.spec.kubernetes.versions.map((one) => one.version)
  if (offered !== undefined && !offered.includes(version)) {
    return [fieldError(place, `there is no Kubernetes version ${version}`, choose(offered))]
  }
  if (controlPlane === undefined) return []
  if (compareVersions(version, controlPlane) > 0) {
    return [fieldError(place, `${version} is newer than the control plane's ${controlPlane}`)]
  }
  return (minorsBetween(version, controlPlane) ?? 0) > 3
    ? [fieldError(place, `${version} is more than three minor versions older than the control plane's ${controlPlane}`)]
    : []
}

function choose(names: readonly string[]): string {
  return names.length === 0 ? 'there is none to choose from' : `choose one of ${names.join(', ')}`
}
